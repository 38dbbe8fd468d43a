namespace Weir.Inference.Providers;

/// <summary>What is known of a provider before anything is configured.</summary>
/// <param name="BaseUrl">Where its API is.</param>
/// <param name="StartConcurrency">Requests at once to begin with; the cap is <see cref="ProviderPresets.Growth"/> times that.</param>
/// <param name="LatencyTarget">The first event of a stream is wanted within this time.</param>
/// <param name="FirstByte">The first event must come within this time.</param>
/// <param name="KeyVariable">The environment variable that usually holds its key; null where it needs none.</param>
/// <param name="Dialect">The language it speaks.</param>
public sealed record ProviderPreset(
    string BaseUrl, int StartConcurrency, TimeSpan LatencyTarget, TimeSpan FirstByte, string? KeyVariable, Dialect Dialect = Dialect.OpenAI)
{
    /// <summary>It is known to have a Responses API; of others that is found out.</summary>
    public bool HasResponses { get; init; }

    /// <summary>Inputs that it takes in one embeddings call.</summary>
    public int MaxBatch { get; init; } = ProviderPresets.DefaultMaxBatch;
}

/// <summary>The table of known providers: the one place to add another.</summary>
public static class ProviderPresets
{
    /// <summary>How far a preset's working limit may grow beyond its start.</summary>
    public const int Growth = 8;

    /// <summary>Inputs in one embeddings call, where nothing is known of a provider.</summary>
    public const int DefaultMaxBatch = 100;

    private static readonly Dictionary<string, ProviderPreset> All = new(StringComparer.Ordinal)
    {
        ["openai"] = Preset("https://api.openai.com/v1", 10, 2, 60, "OPENAI_API_KEY") with { HasResponses = true, MaxBatch = 1000 },
        ["anthropic"] = Preset("https://api.anthropic.com/v1", 5, 3, 45, "ANTHROPIC_API_KEY", Dialect.Anthropic) with { MaxBatch = 2000 },
        ["groq"] = Preset("https://api.groq.com/openai/v1", 20, 1, 30, "GROQ_API_KEY") with { HasResponses = true, MaxBatch = 500 },
        ["deepseek"] = Preset("https://api.deepseek.com/v1", 15, 1.5, 60, "DEEPSEEK_API_KEY"),
        ["gemini"] = Preset("https://generativelanguage.googleapis.com/v1beta/openai", 10, 2, 60, "GEMINI_API_KEY"),
        ["xai"] = Preset("https://api.x.ai/v1", 10, 2, 60, "XAI_API_KEY") with { HasResponses = true },
        ["openrouter"] = Preset("https://openrouter.ai/api/v1", 10, 2, 60, "OPENROUTER_API_KEY") with { HasResponses = true },
        ["ollama"] = Preset("http://127.0.0.1:11434/v1", 10, 2, 60, null),
    };

    public static IReadOnlyCollection<string> Names => All.Keys;

    /// <summary>Null where the name is not known.</summary>
    public static ProviderPreset? Find(string name) => All.GetValueOrDefault(name);

    private static ProviderPreset Preset(string url, int start, double latency, double firstByte, string? variable, Dialect dialect = Dialect.OpenAI) =>
        new(url, start, TimeSpan.FromSeconds(latency), TimeSpan.FromSeconds(firstByte), variable, dialect);
}
