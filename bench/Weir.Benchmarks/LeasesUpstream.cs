using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Weir.Benchmarks;

/// <summary>What the remote kinds of the benchmark lead to: answers at once, and remembers with which fences it was used.</summary>
internal sealed class LeasesUpstream : IAsyncDisposable
{
    private static readonly byte[] Answer = "{\"text\":\"ready\"}"u8.ToArray();
    private readonly ConcurrentDictionary<string, long> _fences = new(StringComparer.Ordinal);
    private readonly WebApplication _app;
    private long _uses;
    private long _older;

    private LeasesUpstream(WebApplication app, Uri url) => (_app, Url) = (app, url);

    public Uri Url { get; }

    public long Uses => Interlocked.Read(ref _uses);

    /// <summary>Uses that came after a use with a later fence of the same resource.</summary>
    public long Older => Interlocked.Read(ref _older);

    public static async Task<LeasesUpstream> StartAsync()
    {
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls($"http://127.0.0.1:{url.Port}");
        var app = builder.Build();
        var upstream = new LeasesUpstream(app, url);
        app.Run(upstream.ServeAsync);
        await app.StartAsync();
        return upstream;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>The path of a use, which says by which grant.</summary>
    public static string UseOf(string resource, long fence) => string.Create(CultureInfo.InvariantCulture, $"/use/{Convert.ToHexString(Encoding.UTF8.GetBytes(resource))}/{fence}");

    private Task ServeAsync(HttpContext context)
    {
        if (context.Request.Path.Value!.Split('/') is [_, "use", var resource, var text])
        {
            var fence = long.Parse(text, CultureInfo.InvariantCulture);
            Interlocked.Increment(ref _uses);
            if (_fences.AddOrUpdate(resource, fence, (_, seen) => Math.Max(seen, fence)) > fence)
                Interlocked.Increment(ref _older);
        }

        context.Response.ContentType = "application/json";
        context.Response.ContentLength = Answer.Length;
        return context.Response.Body.WriteAsync(Answer).AsTask();
    }
}
