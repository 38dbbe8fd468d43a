using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Weir.Benchmarks;

/// <summary>A provider of embeddings that counts what it is paid for.</summary>
internal sealed class EmbeddingsSharedProvider : IAsyncDisposable
{
    private const int Dimensions = 256;

    private readonly WebApplication _app;
    private long _requests, _inputs;

    private EmbeddingsSharedProvider()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapPost("/v1/embeddings", AnswerAsync);
    }

    public Uri Url => new(_app.Urls.First());

    public (long Requests, long Inputs) Counts => (Interlocked.Read(ref _requests), Interlocked.Read(ref _inputs));

    public static async Task<EmbeddingsSharedProvider> StartAsync()
    {
        var provider = new EmbeddingsSharedProvider();
        await provider._app.StartAsync();
        return provider;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var body = await JsonDocument.ParseAsync(context.Request.Body);
        var input = body.RootElement.GetProperty("input");
        var count = input.ValueKind is JsonValueKind.Array ? input.GetArrayLength() : 1;
        var asBase64 = body.RootElement.TryGetProperty("encoding_format", out var format) && format.GetString() == "base64";
        Interlocked.Increment(ref _requests);
        Interlocked.Add(ref _inputs, count);

        var vector = new float[Dimensions];
        vector[count % Dimensions] = 1;
        object embedding = asBase64 ? Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan())) : vector;
        await context.Response.WriteAsJsonAsync(new
        {
            @object = "list",
            data = Enumerable.Range(0, count).Select(i => new { @object = "embedding", index = i, embedding }),
            model = "counted",
            usage = new { prompt_tokens = count, total_tokens = count },
        });
    }
}
