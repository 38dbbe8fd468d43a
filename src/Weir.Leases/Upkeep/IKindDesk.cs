using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Upkeep;

/// <summary>What operators do with kinds and resources.</summary>
public interface IKindDesk
{
    /// <summary>Makes a kind, or changes it while it runs.</summary>
    Task<KindAnswer> PutAsync(string name, KindOptions options, CancellationToken cancellationToken);

    /// <summary>Ends a kind: nothing is granted any more, what is free goes, what is leased goes when it is given back.</summary>
    /// <returns>Null: it is ended, or was not there.</returns>
    Task<LeaseError?> DeleteAsync(string name, CancellationToken cancellationToken);

    /// <summary>Takes a resource out of use; one that is leased is taken from its lease, whose door shuts.</summary>
    Task<LeaseError?> QuarantineAsync(string resourceId, string? reason, CancellationToken cancellationToken);

    /// <summary>Resets a quarantined resource and puts it to use again.</summary>
    Task<LeaseError?> RestoreAsync(string resourceId, CancellationToken cancellationToken);

    /// <summary>
    /// Waits until the configured kinds and their resources have been made for the first time since the start, half a second at most: before, <see cref="Status"/> shows less
    /// than there is in a moment. Waits for nothing afterwards.
    /// </summary>
    ValueTask MadeAsync(CancellationToken cancellationToken);

    /// <summary>How each kind stands, by name.</summary>
    IReadOnlyList<KindStatus> Status();

    /// <summary>Why this replica has no resources of a kind. Null: it has.</summary>
    LeaseError? Unable(string kind);
}

/// <param name="Kind">Null: it was not stored.</param>
/// <param name="Error">Null: it was.</param>
public sealed record KindAnswer(Stored<KindRecord>? Kind, LeaseError? Error);

/// <summary>How a kind stands in the whole fleet; allocations and releases are this replica's since its start.</summary>
public sealed record KindStatus(string Name, int Total, int Free, int Leased, int Resetting, int Quarantined, int Waiting, long Allocations, long Releases);
