namespace Weir.Flow.Admission;

/// <summary>
/// One deployment's way through its provider's gate: everybody in it passes the gate's limits and the lane's own. A lane without
/// room, or paused, does not hold up the others. Safe from any thread.
/// </summary>
public sealed class AdmissionLane : IDisposable
{
    private long _pausedUntil;
    private bool _closed;

    internal AdmissionLane(AdmissionGate gate, string name, Capacity capacity)
    {
        Gate = gate;
        Name = name;
        Capacity = capacity;
    }

    public string Name { get; }

    public AdmissionGate Gate { get; }

    /// <summary>Permits of this lane not yet released.</summary>
    public int InFlight => Capacity.InFlight;

    /// <summary>Requests that wait in this lane, without those in the background.</summary>
    public int Queued => Waiting.Count;

    /// <summary>Requests that wait in this lane in the background: they keep nobody else waiting.</summary>
    public int QueuedInBackground => Background.Waiting.Count;

    /// <summary>The working limit on what is in flight: the lower of the lane's and the gate's.</summary>
    public int Limit => Math.Min(Capacity.Limit, Gate.Limit);

    /// <summary>In flight and queued over the limit: what to compare when picking the least loaded. 1 is full, more is queueing.</summary>
    public double Load => ((double)InFlight + Queued) / Limit;

    /// <summary>
    /// Whether a request would probably enter now: a hint that takes no lock and may be wrong by the time it is read. Only
    /// <see cref="TryEnter"/> knows.
    /// </summary>
    public bool HasRoom
    {
        get
        {
            var now = Gate.Clock.Now;
            return !IsClosed && Queued == 0 && !IsPaused(now) && Capacity.MayHaveRoom(now) && Gate.MayHaveRoom(now);
        }
    }

    /// <summary>What is left of a pause; zero when there is none.</summary>
    public TimeSpan PausedFor => TimeSpan.FromTicks(Math.Max(0, Volatile.Read(ref _pausedUntil) - Gate.Clock.Now));

    internal Capacity Capacity { get; }

    internal LaneLine Interactive { get; } = new();

    internal LaneLine Background { get; } = new();

    internal WaitQueue Waiting => Interactive.Waiting;

    internal bool IsClosed
    {
        get => Volatile.Read(ref _closed);
        set => Volatile.Write(ref _closed, value);
    }

    internal long PausedUntil
    {
        get => Volatile.Read(ref _pausedUntil);
        set => Volatile.Write(ref _pausedUntil, value);
    }

    /// <summary>Enters if that is possible now without overtaking anybody who waits; never waits.</summary>
    /// <param name="ticket">Its timeout does not matter here.</param>
    /// <param name="permit">To be released; null when false.</param>
    public bool TryEnter(in AdmissionTicket ticket, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out AdmissionPermit? permit) =>
        Gate.TryEnter(this, ticket, out permit);

    /// <summary>Enters now, or waits its turn until its deadline.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled; the request no longer waits and holds nothing.</exception>
    public ValueTask<AdmissionResult> EnterAsync(AdmissionTicket ticket, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<AdmissionResult>(cancellationToken);
        var waiter = Gate.Enter(this, ticket, out var result);
        if (waiter is null)
            return new ValueTask<AdmissionResult>(result);
        return cancellationToken.CanBeCanceled ? WaitAsync(waiter, cancellationToken) : new ValueTask<AdmissionResult>(waiter.Task);
    }

    /// <summary>
    /// The provider asked to be left alone: nobody enters this lane until then. Of several pauses the later end wins. Who waits
    /// here with an earlier deadline is refused at once. Pause before releasing the permit that met the refusal, or the next one goes in between.
    /// </summary>
    public void Pause(TimeSpan duration) => Gate.Pause(this, duration);

    /// <summary>Ends a pause early.</summary>
    public void Resume() => Gate.Resume(this);

    /// <summary>Takes other limits of its own; null takes them away. What is in flight stays in flight.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A limit out of its range.</exception>
    public void Reconfigure(AdmissionLimits? narrowing) => Gate.Reconfigure(this, narrowing);

    /// <summary>Closes the lane: who waits is refused, who is in flight may finish.</summary>
    public void Dispose() => Gate.Close(this);

    internal bool IsPaused(long now) => PausedUntil > now;

    /// <summary>Whether the lane itself would let somebody in; the gate must agree.</summary>
    internal bool CanTake(long now, int tokens, bool background) => !IsPaused(now) && Capacity.CanTake(now, tokens, background);

    private static async ValueTask<AdmissionResult> WaitAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        using (cancellationToken.UnsafeRegister(static (state, token) => Leave((Waiter)state!, token), waiter))
            return await waiter.Task.ConfigureAwait(false);
    }

    private static void Leave(Waiter waiter, CancellationToken cancellationToken)
    {
        if (waiter.Lane.Gate.Leave(waiter))
            waiter.SetCanceled(cancellationToken);
    }
}

/// <summary>Those of one kind who wait in one lane.</summary>
internal sealed class LaneLine
{
    public WaitQueue Waiting { get; } = new();

    /// <summary>Its place among the gate's lanes with such waiters; -1 when nobody waits in it.</summary>
    public int Index { get; set; } = -1;
}
