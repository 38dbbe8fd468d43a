using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Weir.Tests.Support;

namespace Weir.EndToEnd.Leases;

/// <summary>
/// What stands behind a remote kind: a few HTTP endpoints under one address, each of which keeps the highest fence that has called it. Whoever calls with a lower one has got through a door
/// that was no longer his.
/// </summary>
internal sealed class FencedEndpoints : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly ConcurrentDictionary<string, (long Fence, string Lease)> _newest = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _wrong = new();
    private readonly Task _serving;
    private int _calls;

    public FencedEndpoints()
    {
        Url = $"http://127.0.0.1:{FreePort.Next()}";
        _listener.Prefixes.Add(Url + "/");
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Url { get; }

    public int Calls => _calls;

    /// <summary>Calls that came after one of a newer lease, as they were seen.</summary>
    public IReadOnlyCollection<string> Wrong => _wrong;

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
        _listener.Close();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
                _ = AnswerAsync(await _listener.GetContextAsync());
        }
        catch (Exception fault) when (fault is HttpListenerException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        var query = context.Request.QueryString;
        if (query["fence"] is { } fence)
            See(context.Request.Url!.AbsolutePath.Split('/')[1], long.Parse(fence, System.Globalization.CultureInfo.InvariantCulture), query["lease"]!);
        try
        {
            await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes("done"));
            context.Response.Close();
        }
        catch (HttpListenerException)
        {
            // Whoever called has left.
        }
    }

    private void See(string endpoint, long fence, string lease)
    {
        Interlocked.Increment(ref _calls);
        _newest.AddOrUpdate(endpoint, (fence, lease), (_, before) =>
        {
            if (fence < before.Fence)
                _wrong.Enqueue($"{endpoint} was called by {lease} under {fence}, after {before.Lease} under {before.Fence}");
            return fence < before.Fence ? before : (fence, lease);
        });
    }
}
