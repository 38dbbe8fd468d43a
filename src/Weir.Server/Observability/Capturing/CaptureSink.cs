using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Weir.Inference.Capturing;

namespace Weir.Server.Observability.Capturing;

/// <summary>What waits to be written: bounded in number here and in bytes by the <see cref="CapturePoint"/>. What does not fit is dropped and counted.</summary>
internal sealed class CaptureSink : ICaptureSink
{
    public const int Capacity = 4096;

    private readonly Channel<CapturedExchange> _waiting = Channel.CreateBounded<CapturedExchange>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly CapturePoint _point;
    private readonly Counter<long> _dropped;
    private volatile HashSet<string> _routes = [];

    public CaptureSink(CapturePoint point, IMeterFactory meters)
    {
        _point = point;
        _dropped = meters.Create("Weir.Server").CreateCounter<long>("weir.capture.dropped", "{exchange}", "Captured pairs of request and answer that could not be written.");
    }

    public ChannelReader<CapturedExchange> Waiting => _waiting.Reader;

    /// <summary>Captures these routes from now on; <c>*</c> is all of them, none is none.</summary>
    public void Use(IReadOnlyList<string> routes)
    {
        _routes = [.. routes];
        _point.Sink = routes.Count == 0 ? null : this;
    }

    public bool Wants(string route) => _routes is var routes && (routes.Contains(route) || routes.Contains("*"));

    public void Take(CapturedExchange exchange)
    {
        if (!_waiting.Writer.TryWrite(exchange)) Drop(exchange);
    }

    public void Drop(CapturedExchange exchange)
    {
        _dropped.Add(1);
        _point.Release(exchange);
    }

    public void Written(CapturedExchange exchange) => _point.Release(exchange);
}
