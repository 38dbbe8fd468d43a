using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Weir.Inference.Batches.Results;

/// <summary>A provider's answer as part of one line, and the counts in it that the gateway does not keep.</summary>
/// <param name="Json">The answer on one line; a string where it was no JSON.</param>
/// <param name="Cached">Tokens read from the provider's cache.</param>
/// <param name="Reasoning">Tokens spent on reasoning.</param>
internal readonly record struct AnswerText(ReadOnlyMemory<byte> Json, long Cached, long Reasoning)
{
    private const int MaxDepth = 512;
    private const int MostOfText = 16 * 1024;
    private static readonly SearchValues<byte> LineEnds = SearchValues.Create("\r\n"u8);

    public static AnswerText Of(ReadOnlyMemory<byte> answer)
    {
        if (Utf8.IsValid(answer.Span))
        {
            try
            {
                var (cached, reasoning) = Check(answer.Span);
                return new AnswerText(OnOneLine(answer), cached, reasoning);
            }
            catch (Exception fault) when (fault is JsonException or InvalidOperationException)
            {
                // Text, then.
            }
        }

        var text = Encoding.UTF8.GetString(answer.Span[..Math.Min(answer.Length, MostOfText)]);
        return new AnswerText(JsonSerializer.SerializeToUtf8Bytes(text), 0, 0);
    }

    // In well-formed JSON a line's end is white space: inside a string it would be escaped.
    private static ReadOnlyMemory<byte> OnOneLine(ReadOnlyMemory<byte> json)
    {
        if (json.Span.IndexOfAny(LineEnds) < 0)
        {
            return json;
        }

        var line = new byte[json.Length];
        var length = 0;
        var rest = json.Span;
        while (!rest.IsEmpty)
        {
            var at = rest.IndexOfAny(LineEnds);
            var piece = at < 0 ? rest : rest[..at];
            piece.CopyTo(line.AsSpan(length));
            length += piece.Length;
            rest = rest[Math.Min(rest.Length, piece.Length + 1)..];
        }

        return line.AsMemory(0, length);
    }

    private static (long Cached, long Reasoning) Check(ReadOnlySpan<byte> json)
    {
        long cached = 0, reasoning = 0;
        var inUsage = false;
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName || (reader.CurrentDepth > 1 && !inUsage))
            {
                continue;
            }

            if (reader.CurrentDepth == 1)
            {
                inUsage = reader.ValueTextEquals("usage"u8);
                continue;
            }

            var isCached = reader.ValueTextEquals("cached_tokens"u8) || reader.ValueTextEquals("cache_read_input_tokens"u8);
            if ((isCached || reader.ValueTextEquals("reasoning_tokens"u8))
                && reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var count) && count >= 0)
            {
                (cached, reasoning) = isCached ? (count, reasoning) : (cached, count);
            }
        }

        return (cached, reasoning);
    }
}
