using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Weir.EndToEnd.Support;

/// <summary>The prompts of the example, and what a simulated provider answers to each.</summary>
internal static class PromptFile
{
    public static string Path => Artifacts.Example("thousand-prompts", "prompts.jsonl");

    public static IReadOnlyList<(string Id, string Text)> Read() =>
    [
        .. File.ReadLines(Path).Where(line => line.Length > 0).Select(line =>
        {
            using var json = JsonDocument.Parse(line);
            return (json.RootElement.GetProperty("id").GetString()!, json.RootElement.GetProperty("prompt").GetString()!);
        }),
    ];

    /// <summary>The first 16 digits of the SHA-256, which every simulated answer carries.</summary>
    public static string Fingerprint(string prompt) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(prompt)))[..16];

    /// <summary>Whole, and of this prompt: it ends where an answer of 32 tokens ends.</summary>
    public static bool Answers(string text, string prompt) =>
        text.StartsWith($"Simulated answer {Fingerprint(prompt)} to: ", StringComparison.Ordinal) && text.EndsWith(Ending(prompt), StringComparison.Ordinal);

    /// <summary>An answer has 32 tokens; those after the opening are of a fixed text.</summary>
    private static string Ending(string prompt)
    {
        const string Filler = " This text was made by a simulated provider, not by a model; it only has the shape and the pace of an answer.";
        var opening = 4 + Math.Min(8, prompt.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length) + 1;
        return string.Join(' ', Filler.Split(' ')[..(32 - opening + 1)]);
    }
}
