namespace Weir.State;

/// <summary>What became of a commit.</summary>
public abstract record CommitOutcome
{
    private CommitOutcome()
    {
    }

    /// <summary>It is durable under <paramref name="Revision"/>, which is the version of everything it wrote.</summary>
    public sealed record Committed(long Revision) : CommitOutcome;

    /// <summary>Nothing of it happened. <paramref name="Keys"/> did not have the expected version; empty when it came too late.</summary>
    public sealed record Lost(IReadOnlyList<string> Keys) : CommitOutcome;

    /// <summary>It was sent and not answered: settle it by its id before deciding anything.</summary>
    public sealed record Unknown(string Reason) : CommitOutcome;
}
