namespace Weir.Flow.Limits;

/// <summary>A limit on what is taken within any minute. Safe from any thread; nothing here waits.</summary>
public interface IRateWindow
{
    /// <summary>The most within one window, at least 0. Lowering it takes nothing back.</summary>
    long Limit { get; set; }

    /// <summary>What this process took within the window that ends now.</summary>
    long Used { get; }

    /// <summary>
    /// Takes all of <paramref name="amount"/> or nothing. An amount that alone exceeds the limit fits only an empty window, so that it
    /// is slow rather than impossible.
    /// </summary>
    /// <param name="amount">At least 0.</param>
    /// <param name="receipt">Names the take for <see cref="Settle"/>.</param>
    /// <param name="background">Only if a tenth of the limit, at least 1 where one process counts alone, stays free beside it.</param>
    bool TryTake(int amount, out long receipt, bool background = false);

    /// <summary>How long until <paramref name="amount"/> fits, as far as is known, if nobody else takes any: zero now, infinite never.</summary>
    TimeSpan WaitFor(int amount, bool background = false);

    /// <summary>Replaces an estimate by what was really used; a use beyond it is charged even over the limit, since it has happened.</summary>
    void Settle(long receipt, int estimate, int actual);
}

/// <summary>The same as a gate sees it, under its own lock: ask, then take. Moments are ticks of the gate's clock.</summary>
internal interface IGateWindow : IRateWindow
{
    /// <summary>A hint without a lock: false only when there is probably no room.</summary>
    bool MayFit(long now);

    /// <summary>Whether <paramref name="amount"/> fits; for what runs in the background only if a tenth of the limit, at least 1, stays free beside it.</summary>
    bool CanTake(long now, int amount, bool background);

    /// <summary>Takes without asking.</summary>
    long Take(long now, int amount);

    /// <summary>The first moment at which it may fit; <paramref name="now"/> when it does, <see cref="MonotonicClock.Never"/> for never.</summary>
    long FitsAt(long now, int amount, bool background);
}
