namespace Weir.Flow.Breaking;

/// <summary>
/// The right to one attempt. Report exactly one result, as soon as it is known (the first byte, not the end of a stream): when
/// half-open, others wait for it. The default value reports to nobody.
/// </summary>
public readonly struct BreakerPass
{
    private readonly CircuitBreaker? _breaker;
    private readonly long _generation;

    internal BreakerPass(CircuitBreaker breaker, long generation)
    {
        _breaker = breaker;
        _generation = generation;
    }

    /// <summary>What was behind the breaker worked.</summary>
    public void Succeeded() => _breaker?.Report(_generation, CircuitBreaker.Result.Success);

    /// <summary>What was behind the breaker failed by its own fault.</summary>
    public void Failed() => _breaker?.Report(_generation, CircuitBreaker.Result.Failure);

    /// <summary>Nothing was learnt (cancelled, or the client's fault): counts for nothing, and frees a probe's place.</summary>
    public void Ignored() => _breaker?.Report(_generation, CircuitBreaker.Result.None);
}
