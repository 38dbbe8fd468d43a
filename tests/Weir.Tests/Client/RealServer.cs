using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Weir.Tests.Client;

/// <summary>Kestrel on a free port of loopback that counts the lines of an ingest: what a handler in memory cannot show of streams.</summary>
internal sealed class RealServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RealServer(WebApplication app) => _app = app;

    public Uri Url => new(_app.Urls.First());

    public static async Task<RealServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Run(async context =>
        {
            var lines = 0;
            using var body = new StreamReader(context.Request.Body);
            while (await body.ReadLineAsync(context.RequestAborted) is not null)
                lines++;
            await context.Response.WriteAsync($$"""{"documents":{{lines}},"chunks":{{lines}}}""");
        });
        await app.StartAsync();
        return new RealServer(app);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
