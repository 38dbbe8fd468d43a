using System.Text.Json;

namespace Weir.Inference.Relay;

/// <summary>Tokens as a provider counted them.</summary>
/// <param name="Input">All that went in, whether or not a prompt cache had it.</param>
/// <param name="Output">All that came out, thinking included.</param>
public readonly record struct TokenUsage(long Input, long Output)
{
    private const int LongestUsage = 4096;

    // No context is this long: a provider that says more has not counted, and must not use up anybody's limits.
    private const long MostTokens = 100_000_000;

    /// <summary>Of <see cref="Input"/>: what the provider read from its prompt cache.</summary>
    public long CachedInput { get; init; }

    /// <summary>Of <see cref="Input"/>: what the provider wrote to its prompt cache.</summary>
    public long CacheWrite { get; init; }

    /// <summary>Nobody counted: it is ours from the bytes that went by.</summary>
    public bool IsEstimated { get; init; }

    /// <summary>What was counted, else an estimate from the bytes of text that came out, four to a token; null where none did.</summary>
    public static TokenUsage? OrEstimate(TokenUsage? counted, long deltas) =>
        counted ?? (deltas > 0 ? new TokenUsage(0, (deltas + 3) / 4) { IsEstimated = true } : null);

    public long Total => Input + Output;

    /// <summary>
    /// Two counts of one answer, as a stream tells them while it grows: each figure is the highest so far, and none is added up.
    /// </summary>
    public static TokenUsage Latest(TokenUsage? earlier, in TokenUsage later) => earlier is not { } before ? later
        : new(Math.Max(before.Input, later.Input), Math.Max(before.Output, later.Output))
        {
            CachedInput = Math.Max(before.CachedInput, later.CachedInput),
            CacheWrite = Math.Max(before.CacheWrite, later.CacheWrite),
        };

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

    // OpenAI counts what its cache had within the input, Anthropic beside it.
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
            long prompt = 0, input = 0, output = 0, cached = 0, beside = 0, written = 0;
            var found = false;
            var reader = new Utf8JsonReader(text.Slice(start, Math.Min(text.Length - start, LongestUsage)), isFinalBlock: false, default);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("prompt_tokens"u8))
                {
                    found |= TryCount(ref reader, ref prompt);
                }
                else if (reader.ValueTextEquals("input_tokens"u8))
                {
                    found |= TryCount(ref reader, ref input);
                }
                else if (reader.ValueTextEquals("completion_tokens"u8) || reader.ValueTextEquals("output_tokens"u8))
                {
                    found |= TryCount(ref reader, ref output);
                }
                else if (reader.ValueTextEquals("cache_read_input_tokens"u8))
                {
                    TryCount(ref reader, ref beside);
                }
                else if (reader.ValueTextEquals("cache_creation_input_tokens"u8))
                {
                    TryCount(ref reader, ref written);
                }
                else if (reader.ValueTextEquals("prompt_tokens_details"u8) || reader.ValueTextEquals("input_tokens_details"u8))
                {
                    cached = Math.Max(cached, CachedIn(ref reader));
                }
                else if (!reader.Read() || !reader.TrySkip())
                {
                    return false;
                }
            }

            usage = new TokenUsage(Math.Max(prompt, input + beside + written), output)
            {
                CachedInput = Math.Max(cached, beside),
                CacheWrite = written,
            };
            return found && reader.TokenType == JsonTokenType.EndObject;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // Not JSON, or a name in it that is no text.
            return false;
        }
    }

    private static bool TryCount(ref Utf8JsonReader reader, ref long count)
    {
        if (!reader.Read())
        {
            return false;
        }

        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value) && value is >= 0 and <= MostTokens)
        {
            count = value;
            return true;
        }

        reader.TrySkip();
        return false;
    }

    private static long CachedIn(ref Utf8JsonReader reader)
    {
        long cached = 0;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return cached;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("cached_tokens"u8))
            {
                TryCount(ref reader, ref cached);
            }
            else if (!reader.Read() || !reader.TrySkip())
            {
                break;
            }
        }

        return cached;
    }
}
