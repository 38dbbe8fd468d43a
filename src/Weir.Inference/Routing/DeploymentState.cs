using System.Net.Http.Headers;
using Weir.Flow.Admission;
using Weir.Flow.Breaking;
using Weir.Inference.Attempts;
using Weir.Inference.Measuring;
using Weir.Inference.Providers;
using Weir.Inference.Routing.Balancing;

namespace Weir.Inference.Routing;

/// <summary>What outlives a reload of the configuration for one deployment: its lane in the key's admission, its breaker, its marks.</summary>
internal sealed class DeploymentState(ProviderState provider, KeyState key, AdmissionLane lane, CircuitBreaker breaker, TimeProvider time)
{
    private static readonly TimeSpan LongestOwnPause = TimeSpan.FromSeconds(60);

    // A provider that asks for more than this, by mistake or because a day's quota is used up, is asked again all the same.
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);
    private int _throttles;
    private long _openings;

    // What the provider says is left; null where it has not said so.
    private ProviderQuota? _quota;

    public ProviderState Provider { get; } = provider;

    public KeyState Key { get; } = key;

    public AdmissionLane Lane { get; } = lane;

    public CircuitBreaker Breaker { get; } = breaker;

    /// <summary>The key is good, but not for this deployment.</summary>
    public RefusalMark Refusal { get; } = new(time);

    /// <summary>Whether it warms up.</summary>
    public SlowStart Start { get; } = new(time);

    /// <summary>Measured only where a route balances by it.</summary>
    public PeakLatency Latency { get; } = new(time);

    /// <summary>Whether a request would probably enter now; of one that warms up only a share of its room counts.</summary>
    public bool HasRoom => Lane.HasRoom && (Start.Share is var share && share == 1 || Lane.InFlight < Math.Max(1, Lane.Limit * share));

    /// <summary>How its attempts have ended of late, and since the start.</summary>
    public required TrafficMeter Meter { get; init; }

    /// <summary>Nothing keeps a request from being sent here as soon as there is room.</summary>
    public bool IsOpenToAll => Provider.Switch.IsOn && Lane.PausedFor == TimeSpan.Zero && IsSound;

    /// <summary>The breaker would let a request pass, and neither the key nor this deployment is marked as refused.</summary>
    public bool IsSound => Breaker.WouldPass && !IsRefused;

    public bool IsRefused => !Refusal.WouldPass || !Key.Refusal.WouldPass;

    /// <summary>Takes a turn at the breaker and at the marks; false when somebody else took the last one.</summary>
    public bool TryPass(out BreakerPass pass)
    {
        pass = default;
        if (Provider.Switch.IsShut || !Refusal.TryPass() || !Key.Refusal.TryPass())
        {
            return false;
        }

        return Breaker.TryPass(out pass);
    }

    /// <summary>What a failure of one request means for everybody else who wants to use the deployment.</summary>
    /// <param name="failure">What happened.</param>
    /// <param name="pass">Its turn at the breaker.</param>
    /// <param name="permit">Its place in the lane.</param>
    /// <param name="isRepeat">
    /// The request has failed here before. The breaker counts requests and not attempts, so that one request that a provider cannot digest
    /// does not close it to everybody; only a probe that fails again counts again.
    /// </param>
    public void Failed(Failure failure, BreakerPass pass, AdmissionPermit permit, bool isRepeat)
    {
        switch (failure.Class)
        {
            case var _ when isRepeat && Breaker.State == BreakerState.Closed:
                pass.Ignored();
                break;
            case FailureClass.Network or FailureClass.Unavailable or FailureClass.Timeout or FailureClass.Broken:
                pass.Failed();
                break;
            case FailureClass.Client:
                pass.Succeeded();
                Answered();
                break;
            default:
                pass.Ignored();
                break;
        }

        switch (failure.Class)
        {
            case FailureClass.RateLimited:
                Throttle(failure.RetryAfter);
                break;
            case FailureClass.KeyRefused:
                Key.Refusal.Mark();
                break;
            case FailureClass.DeploymentRefused:
                Refusal.Mark();
                break;
        }

        var signal = failure.Class switch
        {
            FailureClass.RateLimited => AdmissionSignal.Throttled,
            FailureClass.Client => AdmissionSignal.Success,
            FailureClass.Cancelled or FailureClass.Deadline or FailureClass.Absent or FailureClass.Inexpressible => AdmissionSignal.Neutral,
            _ => AdmissionSignal.Failure,
        };

        // Whoever was turned away used no tokens; of an attempt that was cut off nobody knows, so its estimate stays.
        permit.Release(signal, actualTokens: failure.Status > 0 ? 0 : null);
    }

    /// <summary>Counts a failure that came after the attempt itself had gone well: an answer that broke off.</summary>
    public void CountFailure()
    {
        if (Breaker.TryPass(out var pass))
        {
            pass.Failed();
        }
    }

    /// <summary>What an answer says of the provider's limits is believed: nobody enters before there is something left.</summary>
    /// <param name="headers">Of an answer that went well; what comes with a failure is the failure's.</param>
    /// <param name="tokens">What a request like this one takes.</param>
    public void Believe(HttpResponseHeaders headers, int tokens)
    {
        var reading = RateHeaders.Read(headers, time.GetUtcNow());
        if (reading.IsEmpty)
        {
            return;
        }

        Volatile.Write(ref _quota, reading.Requests is { Reset: not null } requests ? new ProviderQuota(requests, time) : null);
        PauseFor(reading.WaitFor(tokens) ?? TimeSpan.Zero);
    }

    /// <summary>Counts a send against what the provider says is left.</summary>
    public void Sent()
    {
        if (Volatile.Read(ref _quota) is { } quota)
        {
            PauseFor(quota.Spend());
        }
    }

    /// <summary>The provider said 429: nobody enters for as long as it asked, else for 1 s, 2 s, 4 s … up to a minute.</summary>
    public void Throttle(TimeSpan? retryAfter)
    {
        // What was under way together is refused together: only a 429 after the pause makes the next one longer.
        var count = Lane.PausedFor > TimeSpan.Zero ? Volatile.Read(ref _throttles) : Interlocked.Increment(ref _throttles);
        var own = TimeSpan.FromSeconds(Math.Min(Math.Pow(2, Math.Max(count, 1) - 1), LongestOwnPause.TotalSeconds));
        Lane.Pause(retryAfter is { } asked ? (asked < LongestPause ? asked : LongestPause) : own);
    }

    private void PauseFor(TimeSpan wait)
    {
        if (wait > TimeSpan.Zero)
        {
            Lane.Pause(wait < LongestPause ? wait : LongestPause);
        }
    }

    /// <summary>It answered: whatever was held against it is forgotten.</summary>
    public void Answered()
    {
        Volatile.Write(ref _throttles, 0);
        Refusal.Clear();
        Key.Refusal.Clear();
        var openings = Breaker.Opened;
        if (openings != Volatile.Read(ref _openings) && Breaker.State == BreakerState.Closed)
        {
            Volatile.Write(ref _openings, openings);
            Start.Begin();
        }
    }
}
