namespace Weir.Flow.Admission;

/// <summary>What a finished request says about the load its provider bears.</summary>
public enum AdmissionSignal
{
    /// <summary>Answered. A round of these raises the working limit by one.</summary>
    Success,

    /// <summary>The provider said that it is too much: the working limit halves, once per round trip.</summary>
    Throttled,

    /// <summary>It failed for another reason: the working limit stays.</summary>
    Failure,

    /// <summary>Nothing was learnt: never sent, or cancelled.</summary>
    Neutral,
}
