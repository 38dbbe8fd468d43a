using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Weir.Inference.Responses;

/// <summary>Finds the provider's id of a response, in its body or in an event of its stream.</summary>
internal static class ResponseIdFinder
{
    /// <summary>The most bytes of a provider's id.</summary>
    public const int Longest = 256;

    private const int Shortest = 8;

    private static readonly SearchValues<byte> Plain =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:~"u8);

    /// <summary>
    /// Whether it can only be an id: what replaces it stands for every string that equals it, which must never be a word that an
    /// answer also uses for something else.
    /// </summary>
    public static bool IsPlain(ReadOnlySpan<byte> id) =>
        id.Length is >= Shortest and <= Longest && !id.ContainsAnyExcept(Plain) && id.ContainsAnyInRange((byte)'0', (byte)'9');

    /// <summary>The top-level <c>id</c> of a body, of which only the beginning need be there; null where none is seen.</summary>
    public static string? InBody(ReadOnlySpan<byte> body) => Find(body, within: null);

    /// <summary>The <c>id</c> of the <c>response</c> that an event's data holds; null where none is seen.</summary>
    public static string? InEvent(ReadOnlySpan<byte> data) => Find(data, "response"u8);

    private static string? Find(ReadOnlySpan<byte> json, ReadOnlySpan<byte> within)
    {
        try
        {
            var reader = new Utf8JsonReader(json, isFinalBlock: false, default);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return null;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var inner = !within.IsEmpty && reader.ValueTextEquals(within);
                var id = within.IsEmpty && reader.ValueTextEquals("id"u8);
                if (!reader.Read())
                {
                    return null;
                }

                if (id)
                {
                    return reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped && IsPlain(reader.ValueSpan)
                        ? Encoding.UTF8.GetString(reader.ValueSpan)
                        : null;
                }

                if (inner && reader.TokenType == JsonTokenType.StartObject)
                {
                    within = default;
                }
                else if (!reader.TrySkip())
                {
                    return null;
                }
            }
        }
        catch (JsonException)
        {
            // Not the JSON that an answer should be: there is nothing to find in it.
        }

        return null;
    }
}
