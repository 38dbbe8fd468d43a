using System.Text.Json;
using System.Text.Unicode;
using Weir.Inference.Requests;
using Weir.Server.Errors;

namespace Weir.Server.Endpoints;

/// <summary>The body of <c>POST /v1/batch</c>: where each of its requests stands. Their bodies are not parsed here.</summary>
/// <param name="Items">In the order of the body.</param>
/// <param name="MaxConcurrency">Null: as many as the provider takes in one batch.</param>
internal sealed record BatchRequest(IReadOnlyList<BatchItem> Items, int? MaxConcurrency)
{
    public const int MostItems = 10_000;
    public const int MostAtOnce = 2_000;
    private const int LongestId = 512;

    /// <returns>The request, or what is wrong with it as a whole; exactly one is null. What is wrong with an item is said in the item.</returns>
    public static (BatchRequest? Request, ApiError? Error) Read(ReadOnlySpan<byte> body)
    {
        if (!Utf8.IsValid(body))
        {
            return (null, ApiError.Malformed("The body is not valid UTF-8: send JSON encoded as UTF-8."));
        }

        try
        {
            return ReadObject(body);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            var place = fault is JsonException { LineNumber: { } line } json ? $" at line {line + 1}, byte {json.BytePositionInLine + 1}" : "";
            return (null, ApiError.Malformed($"The body is not well-formed JSON{place}."));
        }
    }

    private static (BatchRequest?, ApiError?) ReadObject(ReadOnlySpan<byte> body)
    {
        List<BatchItem>? items = null;
        int? most = null;
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = RequestHeadScanner.MaxDepth + 3 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return (null, ApiError.Malformed("The body must be an object with \"requests\"."));
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("requests"u8) && items is null)
            {
                reader.Read();
                if (reader.TokenType != JsonTokenType.StartArray)
                {
                    return (null, ApiError.Malformed("\"requests\" must be a list.", "requests"));
                }

                items = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    if (items.Count == MostItems)
                    {
                        return (null, ApiError.Unprocessable($"\"requests\" has more than {MostItems} items: send them in parts, or as a file to /v1/batches.", "requests"));
                    }

                    items.Add(ReadItem(ref reader));
                }
            }
            else if (reader.ValueTextEquals("max_concurrency"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.Null)
                {
                    continue;
                }

                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var wanted) || wanted is < 1 or > MostAtOnce)
                {
                    return (null, ApiError.Malformed($"\"max_concurrency\" must be a whole number from 1 to {MostAtOnce}.", "max_concurrency"));
                }

                most = wanted;
            }
            else
            {
                return (null, ApiError.Malformed("The body takes \"requests\" and \"max_concurrency\", each once, and nothing else."));
            }
        }

        reader.Read();
        return items is { Count: > 0 }
            ? (new BatchRequest(items, most), null)
            : (null, ApiError.Malformed("\"requests\" is missing or empty: give a list of {custom_id, url, body}.", "requests"));
    }

    private static BatchItem ReadItem(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return new BatchItem(null, null, null, "The item is not an object: give {custom_id, url, body}.");
        }

        string? id = null, url = null, fault = null;
        Range? body = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("custom_id"u8))
            {
                reader.Read();
                id = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                fault ??= id is { Length: > 0 and <= LongestId } ? null : $"\"custom_id\" must be a string of 1 to {LongestId} characters.";
                reader.Skip();
            }
            else if (reader.ValueTextEquals("url"u8))
            {
                reader.Read();
                url = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("body"u8))
            {
                reader.Read();
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                body = start..(int)reader.BytesConsumed;
            }
            else
            {
                // OpenAI's batch files have a "method" here; more may come.
                reader.Read();
                reader.Skip();
            }
        }

        fault ??= id is null ? "\"custom_id\" is missing: it tells the answers apart." : body is null ? "\"body\" is missing." : null;
        return new BatchItem(id is { Length: <= LongestId } ? id : null, url, body, fault);
    }
}

/// <summary>One request of a batch.</summary>
/// <param name="CustomId">Null where it has none that can be given back.</param>
/// <param name="Url">The path that it would be sent to.</param>
/// <param name="Body">Where its body stands in the batch's.</param>
/// <param name="Fault">What is wrong with it; null: nothing that can be seen here.</param>
internal readonly record struct BatchItem(string? CustomId, string? Url, Range? Body, string? Fault);
