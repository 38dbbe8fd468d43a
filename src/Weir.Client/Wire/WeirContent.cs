using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Weir.Client.Wire;

/// <summary>Bodies of requests.</summary>
internal static class WeirContent
{
    public static Func<HttpContent> Json<T>(T value, JsonTypeInfo<T> type)
    {
        var utf8 = JsonSerializer.SerializeToUtf8Bytes(value, type);
        return () => new ByteArrayContent(utf8) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
    }

    public static HttpContent Text(ReadOnlyMemory<byte> utf8, string type) => new ReadOnlyMemoryContent(utf8) { Headers = { ContentType = new MediaTypeHeaderValue(type) { CharSet = "utf-8" } } };
}

/// <summary>A value a line, written while they come: as many as there are, in the memory of one.</summary>
internal sealed class JsonLinesContent<T> : HttpContent
{
    private readonly IAsyncEnumerable<T> _values;
    private readonly JsonTypeInfo<T> _type;

    public JsonLinesContent(IAsyncEnumerable<T> values, JsonTypeInfo<T> type)
    {
        (_values, _type) = (values, type);
        Headers.ContentType = new MediaTypeHeaderValue("application/jsonl");
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var values = _values.GetAsyncEnumerator(cancellationToken);
        await using (values.ConfigureAwait(false))
        {
            while (await NextAsync(values).ConfigureAwait(false))
            {
                await JsonSerializer.SerializeAsync(stream, values.Current, _type, cancellationToken).ConfigureAwait(false);
                await stream.WriteAsync("\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    private static async ValueTask<bool> NextAsync(IAsyncEnumerator<T> values)
    {
        try
        {
            return await values.MoveNextAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            throw new WeirContentException(exception);
        }
    }
}

/// <summary>The caller's own source of documents failed: no fault of the connection.</summary>
internal sealed class WeirContentException(Exception inner) : IOException("The source of the documents failed.", inner);
