namespace Weir.Flow.Admission;

/// <summary>The right of one request to be in flight. Release it exactly once; further releases do nothing.</summary>
public sealed class AdmissionPermit : IDisposable
{
    private int _released;

    internal AdmissionPermit(AdmissionLane lane, int tokens, TimeSpan waited)
    {
        Lane = lane;
        Tokens = tokens;
        Waited = waited;
    }

    public AdmissionLane Lane { get; }

    /// <summary>How long it queued; zero when it did not.</summary>
    public TimeSpan Waited { get; }

    /// <summary>The estimate that was charged.</summary>
    internal int Tokens { get; }

    /// <summary>What the gate's capacity noted when it was taken.</summary>
    internal Claim GateClaim { get; set; }

    /// <summary>What the lane's capacity noted when it was taken.</summary>
    internal Claim LaneClaim { get; set; }

    /// <summary>Ends the request's stay, lets the next one in, and teaches the working limit.</summary>
    /// <param name="signal">What its end says about the load.</param>
    /// <param name="firstEvent">For a streamed answer, the time from sending to its first event; null for others, which do not count against the latency target.</param>
    /// <param name="actualTokens">What it really used; 0 for one that was never sent, which gives the whole estimate back; null keeps the estimate.</param>
    public void Release(AdmissionSignal signal, TimeSpan? firstEvent = null, int? actualTokens = null)
    {
        if (Interlocked.Exchange(ref _released, 1) == 0)
            Lane.Gate.Release(this, signal, firstEvent, actualTokens);
    }

    /// <summary>Releases as <see cref="AdmissionSignal.Neutral"/>, keeping the estimate.</summary>
    public void Dispose() => Release(AdmissionSignal.Neutral);
}
