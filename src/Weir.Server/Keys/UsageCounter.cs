namespace Weir.Server.Keys;

/// <summary>
/// What one key used: totals by day that are known to be stored, and what came since. Spend limits are judged by their sum.
/// Not thread-safe: <see cref="KeyState"/> holds its lock.
/// </summary>
internal sealed class UsageCounter
{
    /// <summary>Model names of one key and day beyond this many are counted together: a client must not grow a document without bound.</summary>
    public const int MaxModels = 500;

    public const string OtherModels = "(other)";

    private readonly Dictionary<DateOnly, decimal> _storedCost = [];
    private Dictionary<UsageKey, UsageTotals> _pending = [];
    private Dictionary<UsageKey, UsageTotals>? _writing;

    public bool HasPending => _pending.Count > 0;

    public void Add(UsageKey key, UsageTotals totals)
    {
        if (_pending.Count >= MaxModels && !_pending.ContainsKey(key)) key = key with { Model = OtherModels, Provider = null };
        _pending[key] = _pending.GetValueOrDefault(key) + totals;
    }

    /// <summary>Hands over what came since the last call. Until <see cref="Written"/> it still counts as spent.</summary>
    public IReadOnlyDictionary<UsageKey, UsageTotals> Take()
    {
        if (_writing is not null) throw new InvalidOperationException("What was taken before has not been written.");
        _writing = _pending;
        _pending = [];
        return _writing;
    }

    /// <summary>The store now holds what was taken of <paramref name="day"/>, and the key's cost of that day, all replicas together, is <paramref name="cost"/>.</summary>
    public void Written(DateOnly day, decimal cost)
    {
        Stored(day, cost);
        if (_writing is null) return;
        foreach (var key in _writing.Keys.Where(k => k.Day == day).ToList()) _writing.Remove(key);
        if (_writing.Count == 0) _writing = null;
    }

    /// <summary>The store was read: the key's cost of a day, all replicas together.</summary>
    public void Stored(DateOnly day, decimal cost)
    {
        _storedCost[day] = cost;
        if (_storedCost.Count <= 62) return;
        // Two months suffice for any limit there is.
        foreach (var old in _storedCost.Keys.Order().Take(_storedCost.Count - 62).ToList()) _storedCost.Remove(old);
    }

    /// <summary>What was spent from <paramref name="from"/> on.</summary>
    public decimal SpentSince(DateOnly from)
    {
        var sum = 0m;
        foreach (var (day, cost) in _storedCost)
        {
            if (day >= from) sum += cost;
        }

        foreach (var (key, totals) in _pending)
        {
            if (key.Day >= from) sum += totals.Cost;
        }

        if (_writing is null) return sum;
        foreach (var (key, totals) in _writing)
        {
            if (key.Day >= from) sum += totals.Cost;
        }

        return sum;
    }

    /// <summary>What is not known to be stored.</summary>
    public IReadOnlyList<KeyValuePair<UsageKey, UsageTotals>> Unwritten() =>
        [.. _pending, .. _writing ?? Enumerable.Empty<KeyValuePair<UsageKey, UsageTotals>>()];
}

/// <summary>What usage is counted by, within a key.</summary>
internal readonly record struct UsageKey(DateOnly Day, string Model, string? Provider)
{
    /// <summary>As it stands in a document: <c>model@provider</c>, or the model alone.</summary>
    public string Name => Provider is null ? Model : $"{Model}@{Provider}";

    /// <summary>Provider names hold no <c>@</c>; model names may.</summary>
    public static (string Model, string? Provider) Split(string name)
    {
        var at = name.LastIndexOf('@');
        return at < 0 ? (name, null) : (name[..at], name[(at + 1)..]);
    }
}
