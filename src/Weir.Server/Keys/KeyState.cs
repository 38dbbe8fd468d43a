using Weir.Flow.Limits;

namespace Weir.Server.Keys;

/// <summary>What one key has in flight, took in the last minute, and used. One object per key id for the life of the process.</summary>
internal sealed class KeyState(string keyId, TimeProvider time, IPrepaidWindows? windows = null)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private const int MaxModelLength = 200;

    private readonly Lock _gate = new();
    private readonly UsageCounter _usage = new();
    private IRateWindow? _requests;
    private IRateWindow? _tokens;
    private int _inFlight;
    private volatile string _tenant = keyId;

    public string KeyId { get; } = keyId;

    /// <summary>As it was when the key was last used.</summary>
    public string Tenant => _tenant;

    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Takes what <paramref name="caller"/>'s limits ask for: all of it, or nothing and the reason.</summary>
    /// <param name="caller">Whose limits hold.</param>
    /// <param name="tokens">As far as can be told before.</param>
    /// <param name="tokenReceipt">For <see cref="SettleTokens"/>.</param>
    /// <param name="background">Leaves something of each limit to the key's other requests.</param>
    public KeyRefusal? TryTake(Caller caller, int tokens, out long tokenReceipt, bool background = false)
    {
        tokenReceipt = -1;
        _tenant = caller.Tenant;
        if (IsSpent(caller)) return new KeyRefusal(KeyLimit.Spend, Wait: null);

        if (Interlocked.Increment(ref _inFlight) > Places(caller.MaxInFlight, background))
        {
            Interlocked.Decrement(ref _inFlight);
            return new KeyRefusal(KeyLimit.InFlight, TimeSpan.FromSeconds(1));
        }

        // Tokens first: they can be given back exactly, so that a refusal takes nothing.
        var tokenWindow = Window(ref _tokens, caller.TokensPerMinute, "tokens");
        if (tokenWindow is not null && !tokenWindow.TryTake(tokens, out tokenReceipt, background))
        {
            Leave();
            return new KeyRefusal(KeyLimit.Tokens, tokenWindow.WaitFor(tokens, background));
        }

        var requestWindow = Window(ref _requests, caller.RequestsPerMinute, "requests");
        if (requestWindow is not null && !requestWindow.TryTake(1, out _, background))
        {
            tokenWindow?.Settle(tokenReceipt, tokens, 0);
            Leave();
            return new KeyRefusal(KeyLimit.Requests, requestWindow.WaitFor(1, background));
        }

        return null;
    }

    /// <summary>Takes more tokens for a request that was let in before, if the key still has any to spend.</summary>
    /// <param name="caller">Whose limits hold.</param>
    /// <param name="tokens">As far as can be told before. More than a whole minute's are taken as that minute's: what is settled counts in full.</param>
    /// <param name="receipt">For <see cref="SettleTokens"/>, with <paramref name="taken"/>.</param>
    /// <param name="taken">How many of them were taken.</param>
    public KeyRefusal? TryTakeMore(Caller caller, int tokens, out long receipt, out int taken)
    {
        (receipt, taken) = (-1, 0);
        if (IsSpent(caller)) return new KeyRefusal(KeyLimit.Spend, Wait: null);

        if (Window(ref _tokens, caller.TokensPerMinute, "tokens") is not { } window) return null;

        var wanted = Math.Min(tokens, caller.TokensPerMinute!.Value);
        if (!window.TryTake(wanted, out receipt, background: false)) return new KeyRefusal(KeyLimit.Tokens, window.WaitFor(wanted, background: false));

        taken = wanted;
        return null;
    }

    /// <summary>Replaces what a request was expected to take by what it took.</summary>
    public void SettleTokens(long receipt, int estimate, int actual) => Volatile.Read(ref _tokens)?.Settle(receipt, estimate, actual);

    /// <summary>Counts what nobody was asked for before: it is spent already.</summary>
    public void Owe(in KeyUsage usage)
    {
        SettleTokens(receipt: 0, estimate: 0, (int)Math.Min(int.MaxValue, usage.InputTokens + usage.OutputTokens));
        Count(usage);
    }

    public void Leave() => Interlocked.Decrement(ref _inFlight);

    public void Count(in KeyUsage usage)
    {
        var day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        // What a client may make up must not decide how large a document gets.
        var model = usage.Model.Length <= MaxModelLength ? usage.Model : usage.Model[..MaxModelLength];
        var key = new UsageKey(day, model, usage.Provider);
        lock (_gate) _usage.Add(key, new UsageTotals(usage.IsContinued ? 0 : 1, usage.InputTokens, usage.OutputTokens, usage.Cost));
    }

    /// <summary>Runs <paramref name="read"/> on the key's usage, alone with it. It must be short and do no I/O.</summary>
    public T WithUsage<T>(Func<UsageCounter, T> read)
    {
        lock (_gate) return read(_usage);
    }

    private bool IsSpent(Caller caller)
    {
        if (caller.Spend is not { } spend) return false;

        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var from = spend.Per == "month" ? new DateOnly(today.Year, today.Month, 1) : today;
        lock (_gate) return _usage.SpentSince(from) >= spend.Limit;
    }

    // What is in flight is divided among the replicas: nobody asks the others for each request.
    private int? Share(int? most) => most is { } all && windows is not null ? Math.Max(1, all / windows.Replicas) : most;

    // What runs in the background leaves an eighth, at least one place where there are two.
    private int? Places(int? most, bool background) => Share(most) is { } all && background && all > 1 ? all - Math.Max(1, all / 8) : Share(most);

    private IRateWindow? Window(ref IRateWindow? window, int? limit, string what)
    {
        if (limit is not { } most) return null;

        if (Volatile.Read(ref window) is not { } existing)
        {
            lock (_gate) existing = window ??= windows?.Open($"k-{KeyId}/{what}", most) ?? (IRateWindow)new SlidingWindow(most, Minute, time);
        }

        // The limit of the key's record as it is now; what was taken before stays taken.
        if (existing.Limit != most) existing.Limit = most;
        return existing;
    }
}

/// <summary>Which limit of a key stood in the way.</summary>
internal enum KeyLimit
{
    Spend,
    InFlight,
    Requests,
    Tokens,
}

/// <param name="Limit">The first limit that was reached.</param>
/// <param name="Wait">Until it may be otherwise. Null: time alone does not mend it soon.</param>
internal readonly record struct KeyRefusal(KeyLimit Limit, TimeSpan? Wait);
