namespace Weir.Flow.Breaking;

public enum BreakerState
{
    /// <summary>Everybody passes; results are counted.</summary>
    Closed,

    /// <summary>Nobody passes until the open period is over.</summary>
    Open,

    /// <summary>A few probes pass; their results decide.</summary>
    HalfOpen,
}
