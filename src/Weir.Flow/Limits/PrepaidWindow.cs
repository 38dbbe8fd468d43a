namespace Weir.Flow.Limits;

/// <summary>
/// One replica's hand in a window that several share: it spends blocks that it was granted, asks for the next before they run out,
/// and may take a little in advance. Safe from any thread; it never waits for anybody.
/// </summary>
/// <remarks>
/// The replicas together hold at most the pool (<see cref="PrepaidTerms.PoolOf"/>) in blocks. A replica that saw room in the
/// pool may spend its advance before the next block comes, or have it granted beyond the pool; whatever it spent is charged with its
/// next wish, and until it has seen room again there is no further advance. So a minute holds at most the pool and one advance of
/// each: the limit.
/// </remarks>
public sealed class PrepaidWindow : IGateWindow
{
    // A wish that was not granted is repeated no sooner: others give back what they did not need.
    private const long RetryTicks = WindowSlots.Width / 4;

    private readonly Lock _sync = new();
    private readonly IPrepaidSource _source;
    private readonly Action? _replenished;
    private readonly bool _mayAnticipate;
    private readonly SpentSlots _slots = new();
    private long _limit;
    private long _room = long.MaxValue;
    private long _retryAt;
    private long _roomAt;
    private int _unmet;
    private bool _unmetInBackground;
    private bool _asked;

    /// <param name="name">The same on every replica.</param>
    /// <param name="limit">The most within any minute, all replicas together.</param>
    /// <param name="source">Where blocks come from.</param>
    /// <param name="replenished">
    /// Called when there may be room again, without a lock held. Null: nobody can wait for a block, and so the advance is given also
    /// to a replica that is not settled.
    /// </param>
    public PrepaidWindow(string name, long limit, IPrepaidSource source, Action? replenished)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(limit);
        Name = name;
        _limit = limit;
        _source = source;
        _replenished = replenished;
        _mayAnticipate = replenished is null;
    }

    public string Name { get; }

    /// <inheritdoc/>
    public long Limit
    {
        get => Volatile.Read(ref _limit);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            Volatile.Write(ref _limit, value);
        }
    }

    /// <inheritdoc/>
    public long Used
    {
        get
        {
            lock (_sync)
                return _slots.Used(WindowSlots.SlotOf(_source.Now));
        }
    }

    /// <inheritdoc/>
    public bool TryTake(int amount, out long receipt, bool background = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        lock (_sync)
        {
            var now = _source.Now;
            receipt = -1;
            // Nobody waits here for a block, which would have lapsed when the caller comes back: the background too may spend in advance,
            // as long as the pool, as it was last seen, has its reserve.
            var fits = _source.Terms.IsLocal ? Fits(now, amount, background) : Fits(now, amount, background: false) && (!background || _room >= Reserve);
            if (!fits)
            {
                Miss(now, amount, background);
                return false;
            }

            receipt = Spend(now, amount);
            return true;
        }
    }

    /// <inheritdoc/>
    public TimeSpan WaitFor(int amount, bool background = false)
    {
        var at = FitsAt(0, amount, background);
        if (at == MonotonicClock.Never)
            return Timeout.InfiniteTimeSpan;
        // While it was last seen full: until it will have room if nobody gives anything back.
        lock (_sync)
            return TimeSpan.FromTicks(at > 0 && _retryAt > _source.Now ? Math.Max(at, _roomAt - _source.Now) : at);
    }

    /// <inheritdoc/>
    public void Settle(long receipt, int estimate, int actual)
    {
        if (estimate == actual || receipt < 0)
            return;
        lock (_sync)
        {
            var now = _source.Now;
            if (actual > estimate)
            {
                _slots.At(WindowSlots.SlotOf(now)).Spent += actual - estimate;
            }
            else if (_slots.Holds(receipt))
            {
                ref var entry = ref _slots.At(receipt);
                entry.Spent = Math.Max(0, entry.Spent - (estimate - actual));
            }

            Ask();
        }
    }

    bool IGateWindow.MayFit(long now) =>
        _source.Terms.IsLocal || (Volatile.Read(ref _unmet) == 0 && _source.Now >= Volatile.Read(ref _retryAt));

    bool IGateWindow.CanTake(long now, int amount, bool background)
    {
        lock (_sync)
        {
            var shared = _source.Now;
            var fits = Fits(shared, amount, background);
            if (!fits)
                Miss(shared, amount, background);
            return fits;
        }
    }

    long IGateWindow.Take(long now, int amount)
    {
        lock (_sync)
            return Spend(_source.Now, amount);
    }

    /// <inheritdoc/>
    long IGateWindow.FitsAt(long now, int amount, bool background) => FitsAt(now, amount, background);

    /// <summary>What the window asks for and reports at this moment; null for nothing, and then it asks anew when it has something.</summary>
    /// <param name="lead">How long before the end of a slot the next one's block is asked for, in ticks.</param>
    public PrepaidWish? Plan(long lead)
    {
        lock (_sync)
        {
            _asked = false;
            var terms = _source.Terms;
            var now = _source.Now;
            var slot = WindowSlots.SlotOf(now);
            var changes = _slots.Changes(slot);
            var block = terms.BlockOf(_limit);
            var demand = Demand(slot);
            ref var current = ref _slots.At(slot);
            var credit = Math.Max(0, current.Granted - current.Spent);
            var (need, wish, target) = (0L, 0L, slot);
            if (terms.IsLocal)
            {
                // Only what was spent is reported.
            }
            else if (_unmet > 0)
            {
                need = Math.Max(0, _unmet - credit);
                wish = Math.Max(need, block);
            }
            else if (demand > 0 && credit < Ahead(demand, block))
            {
                wish = Math.Min(block, demand);
            }
            else if (demand > 0 && ((slot + 1) * WindowSlots.Width) - now <= lead && _slots.At(slot + 1).Granted == 0)
            {
                (wish, target) = (Math.Min(block, demand), slot + 1);
            }

            if (changes is null && wish == 0)
                return null;
            return new PrepaidWish(
                this, slot, target, need, wish, terms.PoolOf(_limit), AdvanceOf(terms), _unmetInBackground ? Reserve : 0, changes ?? []);
        }
    }

    /// <summary>Whether the window will have something to ask or to report without being used again.</summary>
    public bool IsActive
    {
        get
        {
            lock (_sync)
            {
                var slot = WindowSlots.SlotOf(_source.Now);
                return Demand(slot) > 0 || _slots.At(slot).Granted > 0 || _slots.Changes(slot) is not null;
            }
        }
    }

    /// <summary>The shared document holds the changes and the block of a wish.</summary>
    public void Granted(in PrepaidGrant grant)
    {
        var wish = grant.Wish;
        bool tell;
        lock (_sync)
        {
            Note(wish.Changes, onlyReturns: false);
            if (grant.Granted > 0)
                _slots.At(wish.Slot).Granted += grant.Granted;
            Volatile.Write(ref _room, grant.Room);
            var now = _source.Now;
            var isMet = wish.Wish == 0 || (grant.Granted > 0 && grant.Granted >= wish.Need);
            tell = _unmet > 0 && (grant.Granted > 0 || grant.Room > 0);
            _roomAt = grant.RoomFrom * WindowSlots.Width;
            Volatile.Write(ref _retryAt, isMet ? 0 : Math.Max(now + (RetryTicks / 4), Math.Min(_roomAt, now + RetryTicks)));
            Forget();
        }

        if (tell)
            _replenished?.Invoke();
    }

    /// <summary>
    /// Nobody knows whether the document holds it. Whatever would make it hold too little is taken not to have happened, and
    /// what would make it hold too much to have happened: the window errs on the strict side.
    /// </summary>
    public void Unsure(PrepaidWish wish)
    {
        lock (_sync)
        {
            Note(wish.Changes, onlyReturns: true);
            Volatile.Write(ref _room, 0);
            Forget();
        }
    }

    /// <summary>Nothing of a wish happened.</summary>
    public void Refused()
    {
        lock (_sync)
            Forget();
    }

    /// <summary>The terms have changed: whoever waits may look again.</summary>
    public void LookAgain() => _replenished?.Invoke();

    private long Reserve => _limit / 10;

    // Half of what is spent in a slot, or half a block: what is there when the next is asked for.
    private static long Ahead(long demand, long block) => (Math.Min(block, demand) + 1) / 2;

    private void Forget()
    {
        Volatile.Write(ref _unmet, 0);
        _unmetInBackground = false;
    }

    private void Note(IReadOnlyList<SlotChange> changes, bool onlyReturns)
    {
        foreach (var (slot, amount) in changes)
        {
            if (_slots.Holds(slot) && (amount < 0 || !onlyReturns))
                _slots.At(slot).Granted += amount;
        }
    }

    private long Demand(long slot) => Math.Max(_slots.At(slot).Spent, _slots.Holds(slot - 1) ? _slots.At(slot - 1).Spent : 0);

    private bool Fits(long now, int amount, bool background)
    {
        if (amount == 0)
            return true;
        if (_limit == 0)
            return false;
        var terms = _source.Terms;
        var slot = WindowSlots.SlotOf(now);
        if (terms.IsLocal)
        {
            var used = _slots.Used(slot);
            var mine = Math.Max(1, _limit / terms.Replicas);
            return used + amount + (background ? Math.Max(1, mine / 10) : 0) <= mine || used == 0;
        }

        ref var current = ref _slots.At(slot);
        var credit = current.Granted - current.Spent;
        if (background)
            return credit >= amount && _room >= Reserve;
        if (credit >= amount)
            return true;
        return _room > 0 && _slots.Uncharged(slot) + amount - credit <= AdvanceOf(terms);
    }

    private long AdvanceOf(PrepaidTerms terms) => _mayAnticipate || terms.IsSettled ? terms.AdvanceOf(_limit) : 0;

    private void Miss(long now, int amount, bool background)
    {
        if (now < _retryAt || _source.Terms.IsLocal)
            return;
        // What runs in the background must not make anything else wait for its sake.
        _unmetInBackground = background && (_unmet == 0 || _unmetInBackground);
        Volatile.Write(ref _unmet, Math.Max(_unmet, amount));
        Ask();
    }

    private long Spend(long now, int amount)
    {
        var slot = WindowSlots.SlotOf(now);
        ref var current = ref _slots.At(slot);
        current.Spent += amount;
        var terms = _source.Terms;
        // Where there are no blocks to ask for, the window is active from the first take on, and reports from time to time.
        if (terms.IsLocal ? current.Spent == amount : current.Granted - current.Spent < Ahead(Demand(slot), terms.BlockOf(_limit)))
            Ask();
        return slot;
    }

    private void Ask()
    {
        if (_asked)
            return;
        _asked = true;
        _source.Ask(this);
    }

    private long FitsAt(long now, int amount, bool background)
    {
        lock (_sync)
        {
            var shared = _source.Now;
            if (_limit == 0)
                return MonotonicClock.Never;
            if (Fits(shared, amount, background))
                return now;
            var terms = _source.Terms;
            if (!terms.IsLocal)
                return now + Math.Max(RetryTicks / 4, _retryAt - shared);
            var mine = Math.Max(1, _limit / terms.Replicas);
            var slot = WindowSlots.SlotOf(shared);
            return now + (_slots.BelowFrom(slot, Math.Max(0, mine - amount - (background ? Math.Max(1, mine / 10) : 0))) * WindowSlots.Width) - shared;
        }
    }
}

/// <summary>What a window asks for and reports, as of one moment.</summary>
/// <param name="Window">Whose it is.</param>
/// <param name="Current">The slot of that moment.</param>
/// <param name="Slot">Where the block is to be spent.</param>
/// <param name="Need">What one request waits for; 0 where none does.</param>
/// <param name="Wish">The block that is asked for; 0 where there is only something to report.</param>
/// <param name="Pool">What may be held in blocks.</param>
/// <param name="Advance">What this replica may hold beyond it, if it then takes nothing in advance until there is room again.</param>
/// <param name="Reserve">What of both stays free, since only the background wants any.</param>
/// <param name="Changes">Spent beyond blocks, or left of them.</param>
public sealed record PrepaidWish(
    PrepaidWindow Window, long Current, long Slot, long Need, long Wish, long Pool, long Advance, long Reserve, IReadOnlyList<SlotChange> Changes)
{
    /// <summary>Carries the wish out on what all replicas hold: first what has happened, then what is asked for.</summary>
    public PrepaidGrant Apply(WindowSlots slots)
    {
        slots.Prune(Current);
        foreach (var (slot, amount) in Changes)
            slots.Add(slot, amount);
        var most = Pool + Advance - Reserve;
        var granted = Wish == 0 ? 0 : slots.Grant(Slot, Need, Wish, most);
        if (granted > 0)
            slots.Add(Slot, granted);
        return new PrepaidGrant(this, granted, slots.Room(Slot, Pool), slots.RoomFrom(Slot, Math.Max(1, Need), most));
    }
}

/// <summary>What became of a wish.</summary>
/// <param name="Wish">What was asked.</param>
/// <param name="Granted">The block; 0 for none.</param>
/// <param name="Room">What is left in the pool; 0 or less: no advance until there is some.</param>
/// <param name="RoomFrom">The slot from which what was needed would fit, if nobody takes or gives back any.</param>
public readonly record struct PrepaidGrant(PrepaidWish Wish, long Granted, long Room, long RoomFrom);
