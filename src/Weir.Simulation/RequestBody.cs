using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Weir.Simulation;

/// <summary>Reads a body whole: a provider answers to the whole prompt or not at all.</summary>
internal static class RequestBody
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 256 };

    /// <summary>The body as a JSON object; null when it is anything else.</summary>
    public static async Task<JsonDocument?> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var reader = request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken);
            if (!read.IsCompleted)
            {
                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }

            JsonDocument? document = null;
            try
            {
                // A copy: the document outlives the pipe's buffer.
                document = JsonDocument.Parse(read.Buffer.ToArray(), Options);
            }
            catch (JsonException)
            {
                // Said to the client as a rejection.
            }

            reader.AdvanceTo(read.Buffer.End);
            if (document?.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document?.Dispose();
            return null;
        }
    }
}
