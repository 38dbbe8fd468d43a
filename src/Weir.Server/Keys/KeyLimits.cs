using System.Diagnostics.CodeAnalysis;
using Weir.Server.Errors;

namespace Weir.Server.Keys;

/// <summary>Holds each key to its limits, all replicas together.</summary>
internal sealed class KeyLimits(KeyMetrics metrics)
{
    /// <summary>Lets one request in.</summary>
    /// <param name="caller">Whose limits hold.</param>
    /// <param name="estimatedTokens">Input and output together, as far as can be told before; at least 0.</param>
    /// <param name="permit">To settle when the usage is known, and to dispose when the request ends, however it ends.</param>
    /// <param name="refusal">402 <c>budget_exceeded</c>, or 429 with <c>Retry-After</c>.</param>
    /// <param name="background">A line of a batch: it leaves something of each limit to what somebody waits for.</param>
    public bool TryEnter(
        Caller caller, int estimatedTokens, [NotNullWhen(true)] out KeyPermit? permit, [NotNullWhen(false)] out ApiError? refusal,
        bool background = false)
    {
        permit = null;
        refusal = null;
        if (caller.State.TryTake(caller, estimatedTokens, out var receipt, background) is not { } reached)
        {
            permit = new KeyPermit(caller.State, receipt, estimatedTokens);
            return true;
        }

        refusal = Refuse(caller, reached);
        return false;
    }

    /// <summary>Lets a request that is in go on to what takes tokens: an ingest embeds many times.</summary>
    /// <param name="caller">Whose limits hold.</param>
    /// <param name="estimatedTokens">At least 0.</param>
    /// <param name="charge">To settle when the usage is known, and to dispose in any case.</param>
    /// <param name="refusal">402 <c>budget_exceeded</c>, or 429 with <c>Retry-After</c>.</param>
    public bool TryGoOn(Caller caller, int estimatedTokens, [NotNullWhen(true)] out KeyCharge? charge, [NotNullWhen(false)] out ApiError? refusal)
    {
        (charge, refusal) = (null, null);
        if (caller.State.TryTakeMore(caller, estimatedTokens, out var receipt, out var taken) is { } reached)
        {
            refusal = Refuse(caller, reached);
            return false;
        }

        charge = new KeyCharge(caller.State, receipt, taken);
        return true;
    }

    private ApiError Refuse(Caller caller, KeyRefusal reached)
    {
        metrics.Refused(reached.Limit);
        return reached.Limit switch
        {
            KeyLimit.Spend => new ApiError(402, "budget_exceeded",
                $"The key has spent its {caller.Spend!.Limit} of this {caller.Spend.Per} (UTC). An admin can make one with a higher limit.")
                { ShouldRetry = false },
            KeyLimit.InFlight => Busy("key_in_flight", $"The key may have {caller.MaxInFlight} requests in flight, and has this replica's part of them; wait for one to end.", reached.Wait),
            KeyLimit.Requests => Busy("key_requests_per_minute", $"The key may send {caller.RequestsPerMinute} requests a minute, and has none left at this moment.", reached.Wait),
            _ => Busy("key_tokens_per_minute", $"The key may use {caller.TokensPerMinute} tokens a minute, and has too few left at this moment.", reached.Wait),
        };
    }

    private static ApiError Busy(string code, string message, TimeSpan? wait) => new(429, code, message)
    {
        RetryAfter = wait is { } time && time > TimeSpan.Zero ? time : TimeSpan.FromSeconds(1),
    };
}

/// <summary>One request of a key, from entering to leaving.</summary>
internal sealed class KeyPermit(KeyState state, long tokenReceipt, int estimatedTokens) : IDisposable
{
    private int _settled;
    private int _disposed;

    /// <summary>Counts what the request used. Only the first call counts; without one, what was estimated is given back.</summary>
    public void Settle(in KeyUsage usage)
    {
        if (Interlocked.Exchange(ref _settled, 1) != 0) return;
        state.SettleTokens(tokenReceipt, estimatedTokens, (int)Math.Min(int.MaxValue, usage.InputTokens + usage.OutputTokens));
        state.Count(usage);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        if (Interlocked.Exchange(ref _settled, 1) == 0) state.SettleTokens(tokenReceipt, estimatedTokens, 0);
        state.Leave();
    }
}

/// <summary>A part of what a key's request uses.</summary>
internal sealed class KeyCharge(KeyState state, long tokenReceipt, int takenTokens) : IDisposable
{
    private int _settled;

    /// <summary>Counts what was used. Only the first call counts; without one, what was estimated is given back.</summary>
    public void Settle(in KeyUsage usage)
    {
        if (Interlocked.Exchange(ref _settled, 1) != 0) return;
        state.SettleTokens(tokenReceipt, takenTokens, (int)Math.Min(int.MaxValue, usage.InputTokens + usage.OutputTokens));
        state.Count(usage);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _settled, 1) == 0) state.SettleTokens(tokenReceipt, takenTokens, 0);
    }
}
