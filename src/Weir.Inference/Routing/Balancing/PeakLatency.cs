namespace Weir.Inference.Routing.Balancing;

/// <summary>
/// How long a deployment takes to begin an answer, pessimistically: a slow answer counts whole at once, good ones bring the figure down slowly,
/// and what was measured long ago fades, so that a deployment is tried again.
/// </summary>
/// <remarks>Peak EWMA after Twitter's Finagle: w = e^(−Δt/τ) with τ = 10 s.</remarks>
internal sealed class PeakLatency(TimeProvider time)
{
    /// <summary>What a failure counts as at the least, however fast it came.</summary>
    public static readonly TimeSpan Penalty = TimeSpan.FromSeconds(5);

    private const double Tau = 10;

    private readonly Lock _writing = new();
    private double _seconds;
    private long _at;

    /// <summary>0 where nothing is known. Read without the lock: a figure and a time that do not belong together err by one answer.</summary>
    public double Seconds => Volatile.Read(ref _seconds) is var seconds && seconds == 0 ? 0 : seconds * WeightOf(Volatile.Read(ref _at));

    public void Answered(TimeSpan took)
    {
        lock (_writing)
        {
            var weight = WeightOf(_at);
            var seconds = Math.Max(took.TotalSeconds, 1e-6);
            // Towards the new figure and not towards zero: fading is for silence.
            Volatile.Write(ref _seconds, seconds >= _seconds ? seconds : (_seconds * weight) + (seconds * (1 - weight)));
            Volatile.Write(ref _at, time.GetTimestamp());
        }
    }

    public void Failed(TimeSpan took) => Answered(took > Penalty ? took : Penalty);

    /// <summary>It has not answered for so long: nobody knows how much longer it would have taken, so this can only raise the figure.</summary>
    public void Waited(TimeSpan without)
    {
        if (without.TotalSeconds > Seconds)
        {
            Answered(without);
        }
    }

    private double WeightOf(long at) => Math.Exp(-time.GetElapsedTime(at).TotalSeconds / Tau);
}
