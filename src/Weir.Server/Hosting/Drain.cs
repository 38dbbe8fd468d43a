using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Server.Keys;

namespace Weir.Server.Hosting;

/// <summary>
/// The server's phase, and the requests in flight. Stopping begins before the listener closes: readiness says so, new requests are
/// sent away, and what is in flight gets up to <c>server.drain</c> to end.
/// </summary>
internal sealed partial class Drain(KeyRing keys, DrainOptions options, TimeProvider time, ILogger<Drain> log) : IHostedLifecycleService, IDisposable
{
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _begun = new();
    private readonly CancellationTokenSource _over = new();
    private volatile bool _started;
    private volatile bool _draining;
    private int _inFlight;

    public ServerPhase Phase =>
        _draining ? ServerPhase.Draining : _started && keys.Table is not null ? ServerPhase.Ready : ServerPhase.Starting;

    /// <summary>Requests that have entered and not left; health and metrics are not among them.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>The drain has begun: whoever only waits for something stops waiting.</summary>
    public CancellationToken Begun => _begun.Token;

    /// <summary>The drain is over: whoever has not left by now is cut.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>False while draining. Each success is followed by one <see cref="Leave"/>.</summary>
    public bool TryEnter()
    {
        Interlocked.Increment(ref _inFlight);
        if (!_draining) return true;
        Leave();
        return false;
    }

    public void Leave()
    {
        if (Interlocked.Decrement(ref _inFlight) == 0 && _draining) _empty.TrySetResult();
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        _started = true;
        return Task.CompletedTask;
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _draining = true;
        // Whoever enters after the line above sees it; whoever entered before is counted here.
        Interlocked.MemoryBarrier();
        await _begun.CancelAsync();
        var waiting = InFlight;
        if (waiting == 0) return;

        LogDraining(waiting, options.Limit);
        try
        {
            await _empty.Task.WaitAsync(options.Limit, time, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            LogCut(InFlight);
            await _over.CancelAsync();
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _begun.Dispose();
        _over.Dispose();
    }

    [LoggerMessage(1, LogLevel.Information, "Draining: {Requests} requests in flight may take up to {Limit}.", EventName = "draining")]
    private partial void LogDraining(int requests, TimeSpan limit);

    [LoggerMessage(2, LogLevel.Warning, "The drain is over; {Requests} requests did not end in time and are cut.", EventName = "drain_cut")]
    private partial void LogCut(int requests);
}

/// <param name="Limit">How long requests in flight may take to end when the server stops.</param>
internal sealed record DrainOptions(TimeSpan Limit);
