namespace Weir.Cli.Load;

/// <summary>What became of one request.</summary>
/// <param name="Outcome">A status class such as <c>2xx</c>, or <c>timeout</c>, <c>network</c>, <c>broken</c>.</param>
/// <param name="Status">0 where none came.</param>
/// <param name="Latency">From its arrival, whether or not it could be sent then.</param>
/// <param name="FirstToken">From its arrival to the first event of a stream; null where none came.</param>
/// <param name="Held">Between its arrival and its being sent.</param>
/// <param name="Queued">How long Weir says that it waited; null where the server does not say.</param>
/// <param name="Tokens">That came out; as the server counted, else the events of the stream.</param>
internal readonly record struct LoadSample(
    string Outcome, int Status, TimeSpan Latency, TimeSpan? FirstToken, TimeSpan Held, TimeSpan? Queued, long Tokens)
{
    /// <summary>What went wrong, in the server's words or the network's; null where nothing did, or nothing was said.</summary>
    public string? Failure { get; init; }

    public bool IsGood => Outcome == "2xx";
}

/// <summary>Everything that a run has seen, in memory that does not grow with it. Safe from any thread.</summary>
internal sealed class LoadTally
{
    // Latency early and late in the run tell whether it rises.
    private readonly Lock _sync = new();
    private readonly SortedDictionary<string, long> _outcomes = new(StringComparer.Ordinal);

    public LatencyHistogram Latency { get; } = new();

    public LatencyHistogram FirstToken { get; } = new();

    public LatencyHistogram Held { get; } = new();

    public LatencyHistogram Queued { get; } = new();

    /// <summary>Of requests that arrived in the first half of the run, and in the second.</summary>
    public LatencyHistogram Early { get; } = new();

    public LatencyHistogram Late { get; } = new();

    public long Finished { get; private set; }

    public long Good { get; private set; }

    public long Throttled { get; private set; }

    public long Tokens { get; private set; }

    /// <summary>What the first request that failed was told; null where none was.</summary>
    public string? FirstFailure { get; private set; }

    public IReadOnlyDictionary<string, long> Outcomes
    {
        get
        {
            lock (_sync) return new SortedDictionary<string, long>(_outcomes, StringComparer.Ordinal);
        }
    }

    public double Success => Finished == 0 ? 0 : (double)Good / Finished;

    public void Add(in LoadSample sample, bool isLate)
    {
        lock (_sync)
        {
            Finished++;
            Tokens += sample.Tokens;
            _outcomes[sample.Outcome] = _outcomes.GetValueOrDefault(sample.Outcome) + 1;
            Throttled += sample.Status == 429 ? 1 : 0;
            Held.Add(sample.Held);
            if (sample.Queued is { } queued) Queued.Add(queued);
            if (!sample.IsGood)
            {
                FirstFailure ??= sample.Failure;
                return;
            }

            Good++;
            Latency.Add(sample.Latency);
            (isLate ? Late : Early).Add(sample.FirstToken ?? sample.Latency);
            if (sample.FirstToken is { } first) FirstToken.Add(first);
        }
    }
}
