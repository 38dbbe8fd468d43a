using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// Carries the signed thinking of an Anthropic provider through a client of the Responses API, in <c>encrypted_content</c>, which clients send
/// back as it is. It is not encrypted: the provider's own signature says whether it was changed.
/// </summary>
/// <remarks><c>weir.thinking.1.</c> and base64url of a JSON list of <c>{type:"thinking",thinking,signature}</c> and <c>{type:"redacted_thinking",data}</c>.</remarks>
internal static class ThinkingEnvelope
{
    private const string Tag = "weir.thinking.";
    private const string Prefix = Tag + "1.";
    private const int MostBlocks = 1024;
    private const int LongestText = 4 * 1024 * 1024;

    /// <summary>Whether it was made here, by whatever version.</summary>
    public static bool IsOurs(string text) => text.StartsWith(Tag, StringComparison.Ordinal);

    /// <returns>Null where the blocks are more than an envelope holds: the answer goes without them.</returns>
    public static string? Seal(IReadOnlyList<string> blocks)
    {
        if (blocks.Count is 0 or > MostBlocks)
        {
            return null;
        }

        var text = Prefix + Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"[{string.Join(',', blocks)}]"));
        return text.Length <= LongestText ? text : null;
    }

    /// <returns>Each block as JSON; null where it is not what was sealed.</returns>
    public static IReadOnlyList<byte[]>? Open(string text)
    {
        if (text.Length > LongestText || !text.StartsWith(Prefix, StringComparison.Ordinal) || !Base64Url.IsValid(text.AsSpan(Prefix.Length)))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(Base64Url.DecodeFromChars(text.AsSpan(Prefix.Length)));
            if (document.RootElement is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() is 0 or > MostBlocks)
            {
                return null;
            }

            return list.EnumerateArray().All(IsBlock) ? [.. list.EnumerateArray().Select(block => Encoding.UTF8.GetBytes(block.GetRawText()))] : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static bool IsBlock(JsonElement block) => block.TypeOf() switch
    {
        "thinking" => block.TextOf("thinking"u8) is not null && block.TextOf("signature"u8) is not null,
        "redacted_thinking" => block.TextOf("data"u8) is not null,
        _ => false,
    };
}
