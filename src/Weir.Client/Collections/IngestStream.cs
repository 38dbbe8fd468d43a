using System.Net.ServerSentEvents;
using System.Text.Json;
using Weir.Client.Wire;

namespace Weir.Client;

/// <summary>One ingest, told of as it goes.</summary>
internal static class IngestStream
{
    public static async Task<IngestResult> RunAsync(
        WeirConnection connection, string path, HttpContent body, IProgress<IngestProgress>? progress, CancellationToken cancellationToken)
    {
        using var response = await connection.StreamAsync(HttpMethod.Post, path, body, "text/event-stream", cancellationToken).ConfigureAwait(false);
        if (response.Content.Headers.ContentType?.MediaType is not "text/event-stream")
            return await WeirConnection.ReadAsync(response, WeirJson.Default.IngestResult, cancellationToken).ConfigureAwait(false);

        try
        {
            var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                var events = SseParser.Create(stream, static (_, data) => JsonSerializer.Deserialize(data, WeirJson.Default.IngestEvent));
                await foreach (var item in events.EnumerateAsync(cancellationToken).ConfigureAwait(false))
                {
                    switch (item.Data)
                    {
                        case { Type: "progress" } said:
                            progress?.Report(new(said.Documents, said.Chunks));
                            break;
                        case { Type: "done" } said:
                            return new IngestResult
                            {
                                Documents = said.Documents, Chunks = said.Chunks, Unchanged = said.Unchanged, Failed = said.Failed ?? [], FailedTotal = said.FailedTotal,
                            };
                        case { Type: "error" } said:
                            throw WeirErrors.Of(said.Message, said.Code);
                    }
                }
            }
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or JsonException)
        {
            throw new WeirException($"The ingest's progress broke off: {exception.Message} What it had named is in.", exception) { Code = "unreachable" };
        }

        throw new WeirException("The ingest's progress ended without a result. What it had named is in.") { Code = "unreachable" };
    }
}
