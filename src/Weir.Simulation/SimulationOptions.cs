namespace Weir.Simulation;

/// <summary>
/// How the simulated provider behaves. Immutable: <c>PUT /sim/settings</c> swaps the whole record, and a request keeps the one
/// it began with. In JSON the names are snake_case and durations are strings such as <c>"200ms"</c>.
/// </summary>
public sealed record SimulationOptions
{
    /// <summary>Mean time from the whole request to the first byte of an answer or a drawn error. Default 0.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>The latency of a request is drawn evenly from <see cref="Latency"/> ± this, never below 0. Default 0.</summary>
    public TimeSpan LatencyJitter { get; init; }

    /// <summary>Pace of each answer in tokens a second. 0 (the default): as fast as the connection takes them.</summary>
    public double TokensPerSecond { get; init; }

    /// <summary>Tokens in an answer that no limit of the request cuts short. 1 to 100,000, default 32.</summary>
    public int AnswerTokens { get; init; } = 32;

    /// <summary>Share of requests answered by an error status, 0 to 1. Default 0.</summary>
    public double ErrorRate { get; init; }

    /// <summary>The statuses that <see cref="ErrorRate"/> draws from, evenly; 400 to 599. Default 500, 502, 503.</summary>
    public IReadOnlyList<int> ErrorStatuses { get; init; } = [500, 502, 503];

    /// <summary>Share of requests whose connection is reset (TCP RST) before any header, 0 to 1. Default 0.</summary>
    public double ResetRate { get; init; }

    /// <summary>Share of requests that never get a first byte, until the client leaves, 0 to 1. Default 0.</summary>
    public double HangRate { get; init; }

    /// <summary>Share of answers whose connection is reset part-way, 0 to 1. Default 0.</summary>
    public double CutRate { get; init; }

    /// <summary>Share of answers that fall silent part-way with the connection open, until the client leaves, 0 to 1. Default 0.</summary>
    public double StallRate { get; init; }

    /// <summary>
    /// Share of streams that end part-way as if they were complete, without their terminator, 0 to 1. Default 0.
    /// Answers that are not streamed are not concerned.
    /// </summary>
    public double TruncateRate { get; init; }

    /// <summary>
    /// Requests a minute before 429, refilled continuously with a burst of the whole minute, as OpenAI's are. 0 (the default): no limit.
    /// </summary>
    public int RequestsPerMinute { get; init; }

    /// <summary>Names that <c>/v1/models</c> lists; others are 404, unless one of these is <c>*</c>. At least one.</summary>
    public IReadOnlyList<string> Models { get; init; } = ["sim-small", "sim-large", "sim-embedding"];

    /// <summary>Dimensions of an embedding where the request names none. 1 to 8,192, default 384.</summary>
    public int Dimensions { get; init; } = 384;

    /// <summary>The bearer that requests must carry, else 401. Null (the default): any, or none.</summary>
    public string? ApiKey { get; init; }

    /// <summary>
    /// What the fates are drawn from: that of the nth request is a function of this and n alone, however many run at once. Default 1.
    /// </summary>
    public long Seed { get; init; } = 1;

    /// <summary>Every fault in these settings, one sentence each; empty when they can be used.</summary>
    public IReadOnlyList<string> Validate()
    {
        var faults = new List<string>();
        Require(Latency >= TimeSpan.Zero, "latency must not be negative.");
        Require(LatencyJitter >= TimeSpan.Zero, "latency_jitter must not be negative.");
        Require(TokensPerSecond is >= 0 and <= 1e9, "tokens_per_second must lie between 0 (unpaced) and 1,000,000,000.");
        Require(AnswerTokens is >= 1 and <= 100_000, "answer_tokens must lie between 1 and 100,000.");
        Rate(ErrorRate, "error_rate");
        Rate(ResetRate, "reset_rate");
        Rate(HangRate, "hang_rate");
        Rate(CutRate, "cut_rate");
        Rate(StallRate, "stall_rate");
        Rate(TruncateRate, "truncate_rate");
        Require(ErrorRate + ResetRate + HangRate <= 1, "error_rate, reset_rate and hang_rate exclude each other: their sum must not exceed 1.");
        Require(CutRate + StallRate + TruncateRate <= 1, "cut_rate, stall_rate and truncate_rate exclude each other: their sum must not exceed 1.");
        Require(ErrorStatuses is { Count: > 0 } && ErrorStatuses.All(status => status is >= 400 and <= 599), "error_statuses must name at least one status, each from 400 to 599.");
        Require(RequestsPerMinute >= 0, "requests_per_minute must not be negative; 0 means no limit.");
        Require(Models is { Count: > 0 } && Models.All(model => !string.IsNullOrWhiteSpace(model)), "models must name at least one model, or * for any.");
        Require(Dimensions is >= 1 and <= MaxDimensions, "dimensions must lie between 1 and 8,192.");
        return faults;

        void Rate(double value, string name) => Require(value is >= 0 and <= 1, $"{name} must lie between 0 and 1.");

        void Require(bool holds, string fault)
        {
            if (!holds)
                faults.Add(fault);
        }
    }

    internal const int MaxDimensions = 8192;

    internal bool Serves(string model)
    {
        foreach (var known in Models)
        {
            if (known == model || known == "*")
                return true;
        }

        return false;
    }
}
