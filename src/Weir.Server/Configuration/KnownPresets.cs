namespace Weir.Server.Configuration;

/// <summary>The presets that configuration may name, and the variable that usually holds each one's key.</summary>
internal static class KnownPresets
{
    public const string Ollama = "ollama";

    /// <summary>In the order in which they are offered. A null variable: no key is needed.</summary>
    public static IReadOnlyList<(string Name, string? KeyVariable)> All { get; } =
    [
        ("openai", "OPENAI_API_KEY"),
        ("groq", "GROQ_API_KEY"),
        ("deepseek", "DEEPSEEK_API_KEY"),
        ("gemini", "GEMINI_API_KEY"),
        ("xai", "XAI_API_KEY"),
        ("openrouter", "OPENROUTER_API_KEY"),
        (Ollama, null),
    ];

    public static IEnumerable<string> Names => All.Select(preset => preset.Name);
}
