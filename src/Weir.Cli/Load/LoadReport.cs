using System.Globalization;

namespace Weir.Cli.Load;

/// <summary>A run as it is printed, as text for people or as one JSON object. Durations in JSON are milliseconds.</summary>
internal sealed record LoadReport
{
    public required string Url { get; init; }

    public required string Model { get; init; }

    public required bool Stream { get; init; }

    public required double Rate { get; init; }

    public required double Seconds { get; init; }

    public required long Requests { get; init; }

    public required double Success { get; init; }

    /// <summary>By status class, or what happened instead.</summary>
    public required IReadOnlyDictionary<string, long> Outcomes { get; init; }

    /// <summary>Successful requests a second.</summary>
    public required double Throughput { get; init; }

    public required double TokensPerSecond { get; init; }

    public required LoadPercentiles LatencyMs { get; init; }

    /// <summary>Null without a stream.</summary>
    public LoadPercentiles? FirstTokenMs { get; init; }

    /// <summary>As a Weir server says; null where none did.</summary>
    public LoadPercentiles? QueuedMs { get; init; }

    /// <summary>What waited here for one of the connections.</summary>
    public required LoadPercentiles HeldMs { get; init; }

    /// <summary>Of this process, as a share of the machine's processors.</summary>
    public required double ClientCpu { get; init; }

    public string? Bottleneck { get; init; }

    /// <summary>What the first request that failed was told, at most 300 characters; null where none failed.</summary>
    public string? FirstFailure { get; init; }

    public required IReadOnlyList<string> Breaches { get; init; }

    public static LoadReport Of(LoadResult result) => new()
    {
        Url = result.Plan.BaseUrl.ToString(),
        Model = result.Plan.Model,
        Stream = result.Plan.Stream,
        Rate = result.Plan.Rate,
        Seconds = result.Took.TotalSeconds,
        Requests = result.Tally.Finished,
        Success = result.Tally.Success,
        Outcomes = result.Tally.Outcomes,
        Throughput = result.Throughput,
        TokensPerSecond = result.TokensPerSecond,
        LatencyMs = LoadPercentiles.Of(result.Tally.Latency),
        FirstTokenMs = result.Plan.Stream ? LoadPercentiles.Of(result.Tally.FirstToken) : null,
        QueuedMs = result.Tally.Queued.Count > 0 ? LoadPercentiles.Of(result.Tally.Queued) : null,
        HeldMs = LoadPercentiles.Of(result.Tally.Held),
        ClientCpu = result.Cpu,
        Bottleneck = LoadVerdict.Bottleneck(result),
        FirstFailure = result.Tally.FirstFailure,
        Breaches = LoadVerdict.Breaches(result),
    };

    public void Print(TextWriter output)
    {
        output.WriteLine($"{Requests} requests in {Number(Seconds)} s ({Number(Rate)} a second asked for) to {Model} at {Url}");
        output.WriteLine($"  success        {LoadVerdict.Percent(Success)}: {string.Join(", ", Outcomes.Select(one => $"{one.Value} {one.Key}"))}");
        output.WriteLine($"  throughput     {Number(Throughput)} requests a second, {Number(TokensPerSecond)} tokens a second");
        output.WriteLine($"                      p50        p90        p95        p99      p99.9        max   (ms)");
        Row(output, "latency", LatencyMs);
        if (FirstTokenMs is { } first) Row(output, "first token", first);
        if (QueuedMs is { } queued) Row(output, "server queue", queued);
        Row(output, "held here", HeldMs);
        output.WriteLine($"  client         {LoadVerdict.Percent(Math.Round(ClientCpu, 3))} of this machine's processors");
        output.WriteLine($"  bottleneck     {Bottleneck ?? "none that shows from here"}");
        if (FirstFailure is { } failure) output.WriteLine($"  first failure  {failure}");
        foreach (var breach in Breaches) output.WriteLine($"  BREACHED       {breach}");
    }

    private static void Row(TextWriter output, string name, LoadPercentiles row) =>
        output.WriteLine($"  {name,-14}{string.Concat(new[] { row.P50, row.P90, row.P95, row.P99, row.P999, row.Max }.Select(value => $" {Number(value),10}"))}");

    private static string Number(double value) => value.ToString(value < 100 ? "0.##" : "0", CultureInfo.InvariantCulture);
}

/// <summary>In milliseconds.</summary>
internal sealed record LoadPercentiles(double P50, double P90, double P95, double P99, double P999, double Max)
{
    public static LoadPercentiles Of(LatencyHistogram histogram) => new(
        histogram.Percentile(0.5).TotalMilliseconds,
        histogram.Percentile(0.9).TotalMilliseconds,
        histogram.Percentile(0.95).TotalMilliseconds,
        histogram.Percentile(0.99).TotalMilliseconds,
        histogram.Percentile(0.999).TotalMilliseconds,
        histogram.Longest.TotalMilliseconds);
}
