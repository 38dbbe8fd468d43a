using System.Text.Json;

namespace Weir.Inference.Relay;

/// <summary>Tokens as a provider counted them.</summary>
public readonly record struct TokenUsage(long Input, long Output)
{
    private const int LongestUsage = 4096;

    /// <summary>Nobody counted: it is ours from the bytes that went by.</summary>
    public bool IsEstimated { get; init; }

    public long Total => Input + Output;

    /// <summary>Finds the last <c>"usage": {…}</c> in a piece of JSON or of an event; false where there is none that is whole.</summary>
    public static bool TryFind(ReadOnlySpan<byte> text, out TokenUsage usage)
    {
        usage = default;
        while (true)
        {
            var at = text.LastIndexOf("\"usage\""u8);
            if (at < 0)
            {
                return false;
            }

            if (TryParse(text[(at + 7)..], out usage))
            {
                return true;
            }

            text = text[..at];
        }
    }

    // Both dialects of counting: prompt/completion (chat) and input/output (responses).
    private static bool TryParse(ReadOnlySpan<byte> text, out TokenUsage usage)
    {
        usage = default;
        var start = text.IndexOf((byte)'{');
        if (start < 0 || text[..start].IndexOfAnyExcept(" :\t\r\n"u8) >= 0)
        {
            return false;
        }

        try
        {
            long input = 0, output = 0;
            var found = false;
            var reader = new Utf8JsonReader(text.Slice(start, Math.Min(text.Length - start, LongestUsage)), isFinalBlock: false, default);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isInput = reader.ValueTextEquals("prompt_tokens"u8) || reader.ValueTextEquals("input_tokens"u8);
                var isOutput = reader.ValueTextEquals("completion_tokens"u8) || reader.ValueTextEquals("output_tokens"u8);
                if (!reader.Read())
                {
                    return false;
                }

                if ((isInput || isOutput) && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var count) && count >= 0)
                {
                    found = true;
                    (input, output) = isInput ? (count, output) : (input, count);
                }
                else if (!reader.TrySkip())
                {
                    return false;
                }
            }

            usage = new TokenUsage(input, output);
            return found;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // Not JSON, or a name in it that is no text.
            return false;
        }
    }
}
