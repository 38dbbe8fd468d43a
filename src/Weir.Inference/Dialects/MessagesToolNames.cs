using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// Names of tools may have 128 characters in a message and 64 in a chat. A longer one goes out as its beginning and a hash of the whole,
/// and comes back as it was: the request says which tools there are.
/// </summary>
internal static class MessagesToolNames
{
    public const int Longest = 64;
    private const int HashDigits = 8;

    public static string Shorten(string name) => name.Length <= Longest
        ? name
        : string.Concat(name.AsSpan(0, Longest - HashDigits - 1), "_", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name))).AsSpan(0, HashDigits));

    /// <summary>The name by which the client knows the tool that a chat's answer calls.</summary>
    public static string Restore(string name, ReadOnlyMemory<byte> request)
    {
        if (name.Length != Longest)
            return name;
        using var body = JsonDocument.Parse(request, DialectJson.Reading);
        if (!body.RootElement.TryGetProperty("tools"u8, out var tools) || tools.ValueKind != JsonValueKind.Array)
            return name;
        foreach (var tool in tools.EnumerateArray())
        {
            if (tool.TryGetProperty("name"u8, out var known) && known.ValueKind == JsonValueKind.String
                && known.GetString() is { Length: > Longest } original && Shorten(original) == name)
            {
                return original;
            }
        }

        return name;
    }
}
