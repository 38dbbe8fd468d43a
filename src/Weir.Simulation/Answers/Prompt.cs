using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Weir.Simulation.Answers;

/// <summary>What a request asks for, whatever its dialect.</summary>
internal sealed class Prompt
{
    public required string Model { get; init; }

    /// <summary>What is answered: the last user message, or the results of tools after it, each prompt of a completion, each input of an embedding. At least one.</summary>
    public required IReadOnlyList<string> Texts { get; init; }

    public required int InputTokens { get; init; }

    /// <summary>Answers per text.</summary>
    public int Choices { get; init; } = 1;

    public int? MaxTokens { get; init; }

    public bool Stream { get; init; }

    public bool IncludeUsage { get; init; }

    /// <summary>The tools that the answer calls, instead of a text.</summary>
    public IReadOnlyList<ToolCall> Calls { get; init; } = [];

    /// <summary>The answer begins with thinking.</summary>
    public bool Thinks { get; init; }

    /// <summary>What a provider would keep in its prompt cache; empty where that is nothing.</summary>
    public string Instructions { get; init; } = "";

    /// <summary>The request, for what a dialect echoes. Valid for as long as the request is served.</summary>
    public required JsonElement Body { get; init; }

    /// <summary>The first 16 hexadecimal digits of the SHA-256 of a text, so that a client can check that its own prompt was answered.</summary>
    public static string Fingerprint(string text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        var length = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (length <= 1024)
        {
            Span<byte> utf8 = stackalloc byte[1024];
            SHA256.HashData(utf8[..Encoding.UTF8.GetBytes(text, utf8)], hash);
        }
        else
        {
            SHA256.HashData(Encoding.UTF8.GetBytes(text), hash);
        }

        return Convert.ToHexStringLower(hash[..8]);
    }

    /// <summary>What the text must be, by the schema that was asked for; null: any text.</summary>
    public string? Json { get; init; }
}
