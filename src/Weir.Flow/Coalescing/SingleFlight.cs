namespace Weir.Flow.Coalescing;

/// <summary>
/// Callers who ask for the same thing at the same time share one piece of work. Nothing is kept once it has ended: an error reaches
/// all who wait for it, and the next caller starts afresh. Safe from any thread.
/// </summary>
/// <remarks>
/// The work belongs to all who wait. Whoever cancels, be it the first, leaves alone; when the last has left, the work's token is
/// cancelled and a caller who comes then starts new work without waiting for the old to end.
/// </remarks>
public sealed class SingleFlight<TKey, TValue>
    where TKey : notnull
{
    private readonly Lock _sync = new();
    private readonly Dictionary<TKey, Flight> _flights;

    /// <param name="comparer">When two keys are the same thing; null: the default.</param>
    public SingleFlight(IEqualityComparer<TKey>? comparer = null) => _flights = new Dictionary<TKey, Flight>(comparer);

    /// <summary>How many pieces of work are under way and still wanted.</summary>
    public int Count
    {
        get
        {
            lock (_sync)
                return _flights.Count;
        }
    }

    /// <inheritdoc cref="RunAsync(TKey, Func{CancellationToken, Task{TValue}}, out bool, CancellationToken)"/>
    public Task<TValue> RunAsync(TKey key, Func<CancellationToken, Task<TValue>> work, CancellationToken cancellationToken = default) =>
        RunAsync(key, work, out _, cancellationToken);

    /// <summary>Joins the work under way for the key, or starts it.</summary>
    /// <param name="key">What is asked for.</param>
    /// <param name="work">Started on the caller's thread, only if none is under way. Its token is cancelled when nobody waits any more.</param>
    /// <param name="joined">True when the work was already under way: the answer was paid for by another.</param>
    /// <param name="cancellationToken">Ends this caller's wait alone.</param>
    /// <exception cref="OperationCanceledException">This caller cancelled.</exception>
    public Task<TValue> RunAsync(
        TKey key, Func<CancellationToken, Task<TValue>> work, out bool joined, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(work);
        joined = false;
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<TValue>(cancellationToken);
        Flight? flight;
        lock (_sync)
        {
            joined = _flights.TryGetValue(key, out flight);
            if (flight is null)
                _flights.Add(key, flight = new Flight(key));
            flight.Waiting++;
        }
        if (!joined)
            _ = FlyAsync(flight, work);
        return cancellationToken.CanBeCanceled ? WaitAsync(flight, cancellationToken) : flight.Task;
    }

    private async Task FlyAsync(Flight flight, Func<CancellationToken, Task<TValue>> work)
    {
        try
        {
            var value = await work(flight.Abandoned.Token).ConfigureAwait(false);
            Land(flight);
            flight.SetResult(value);
        }
        catch (OperationCanceledException cancelled) when (flight.Abandoned.IsCancellationRequested)
        {
            Land(flight);
            flight.SetCanceled(cancelled.CancellationToken);
        }
        catch (Exception error)
        {
            Land(flight);
            flight.SetException(error);
            // All may have left: nobody is there to see it, and that is not a bug.
            _ = flight.Task.Exception;
        }
    }

    private async Task<TValue> WaitAsync(Flight flight, CancellationToken cancellationToken)
    {
        try
        {
            return await flight.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // After the end this counts down what nobody looks at any more.
            Leave(flight);
        }
    }

    private void Leave(Flight flight)
    {
        lock (_sync)
        {
            if (--flight.Waiting > 0 || flight.Landed)
                return;
            Forget(flight);
        }
        flight.Abandoned.Cancel();
    }

    /// <summary>Before its waiters are told, so that whoever then asks again does not get the old answer.</summary>
    private void Land(Flight flight)
    {
        lock (_sync)
            Forget(flight);
    }

    private void Forget(Flight flight)
    {
        flight.Landed = true;
        if (_flights.TryGetValue(flight.Key, out var current) && current == flight)
            _flights.Remove(flight.Key);
    }

    /// <summary>One piece of work. Its token source has neither timer nor link, so there is nothing in it to dispose.</summary>
    private sealed class Flight(TKey key) : TaskCompletionSource<TValue>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TKey Key { get; } = key;

        public CancellationTokenSource Abandoned { get; } = new();

        public int Waiting { get; set; }

        /// <summary>It has ended, or nobody wants it: no longer in the table.</summary>
        public bool Landed { get; set; }
    }
}
