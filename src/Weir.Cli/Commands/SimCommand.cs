using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Weir.Simulation;

namespace Weir.Cli.Commands;

/// <summary><c>weir sim</c>: a simulated provider on its own.</summary>
internal static class SimCommand
{
    public static Command Create()
    {
        var defaults = new SimulationOptions();
        var url = new Option<string>("--url") { Description = "Where it listens; port 0 takes a free one", DefaultValueFactory = _ => "http://127.0.0.1:7900" };
        var latency = Time("--latency", "Mean time to the first byte, such as 200ms");
        var jitter = Time("--latency-jitter", "Latencies are drawn evenly from the mean ± this");
        var pace = new Option<double>("--tokens-per-second") { Description = "Pace of each answer; 0: as fast as the connection takes it" };
        var tokens = new Option<int>("--answer-tokens") { Description = "Tokens in an answer", DefaultValueFactory = _ => defaults.AnswerTokens };
        var errors = Rate("--error-rate", "Share of requests answered by an error status");
        var statuses = new Option<int[]>("--error-statuses")
        {
            Description = "The statuses drawn from, separated by commas",
            CustomParser = result => List(result, text => int.Parse(text, CultureInfo.InvariantCulture)),
            DefaultValueFactory = _ => [.. defaults.ErrorStatuses],
        };
        var resets = Rate("--reset-rate", "Share of requests whose connection is reset before any header");
        var hangs = Rate("--hang-rate", "Share of requests that never get a first byte");
        var cuts = Rate("--cut-rate", "Share of answers whose connection is reset part-way");
        var stalls = Rate("--stall-rate", "Share of answers that fall silent part-way");
        var truncations = Rate("--truncate-rate", "Share of streams that end part-way without their terminator");
        var perMinute = new Option<int>("--requests-per-minute") { Description = "Requests a minute before 429; 0: no limit" };
        var models = new Option<string[]>("--models")
        {
            Description = "Model names, separated by commas; * serves any",
            CustomParser = result => List(result, text => text),
            DefaultValueFactory = _ => [.. defaults.Models],
        };
        var dimensions = new Option<int>("--dimensions") { Description = "Dimensions of embeddings", DefaultValueFactory = _ => defaults.Dimensions };
        var key = new Option<string?>("--api-key") { Description = "The bearer that requests must carry; none: any" };
        var seed = new Option<long>("--seed") { Description = "The fate of the nth request is a function of this and n", DefaultValueFactory = _ => defaults.Seed };

        var command = new Command("sim", "Serve a simulated OpenAI-compatible provider that misbehaves as told")
        {
            url, latency, jitter, pace, tokens, errors, statuses, resets, hangs, cuts, stalls, truncations, perMinute, models, dimensions, key, seed,
        };
        command.SetAction((parse, stop) => RunAsync(
            parse.GetValue(url)!,
            new SimulationOptions
            {
                Latency = parse.GetValue(latency),
                LatencyJitter = parse.GetValue(jitter),
                TokensPerSecond = parse.GetValue(pace),
                AnswerTokens = parse.GetValue(tokens),
                ErrorRate = parse.GetValue(errors),
                ErrorStatuses = parse.GetValue(statuses)!,
                ResetRate = parse.GetValue(resets),
                HangRate = parse.GetValue(hangs),
                CutRate = parse.GetValue(cuts),
                StallRate = parse.GetValue(stalls),
                TruncateRate = parse.GetValue(truncations),
                RequestsPerMinute = parse.GetValue(perMinute),
                Models = parse.GetValue(models)!,
                Dimensions = parse.GetValue(dimensions),
                ApiKey = parse.GetValue(key),
                Seed = parse.GetValue(seed),
            },
            stop));
        return command;
    }

    private static async Task<int> RunAsync(string url, SimulationOptions options, CancellationToken stop)
    {
        if (options.Validate() is { Count: > 0 } faults)
        {
            foreach (var fault in faults)
                await Console.Error.WriteLineAsync($"weir sim: {fault}");
            return 2;
        }

        await using var app = SimulatedProvider.Build(options, url);
        try
        {
            await app.StartAsync(stop);
        }
        catch (Exception failed) when (failed is IOException or FormatException or InvalidOperationException)
        {
            await Console.Error.WriteLineAsync($"weir sim: {url} cannot be served: {failed.Message}");
            return failed is IOException ? 1 : 2;
        }

        foreach (var address in app.Urls)
            Console.WriteLine($"weir sim: a simulated provider at {address}/v1 ({string.Join(", ", options.Models)}); settings at {address}/sim/settings");

        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await app.StopAsync(CancellationToken.None);
        return 0;
    }

    private static Option<double> Rate(string name, string description) => new(name) { Description = description + ", 0 to 1" };

    private static Option<TimeSpan> Time(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result =>
        {
            if (!Duration.TryParse(result.Tokens[0].Value, out var value))
                result.AddError($"{name} takes a duration such as 200ms, 1.5s or 2m.");
            return value;
        },
    };

    private static T[] List<T>(ArgumentResult result, Func<string, T> read)
    {
        try
        {
            return [.. result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Select(read)];
        }
        catch (Exception wrong) when (wrong is FormatException or OverflowException)
        {
            result.AddError($"'{string.Join(',', result.Tokens)}' is not a list of numbers separated by commas.");
            return [];
        }
    }
}
