using System.Text.Json;
using Weir.Leases.Fleet;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;

namespace Weir.Leases.Doors;

/// <summary>Where resources are reached, and by what right.</summary>
public interface IDoors
{
    /// <summary>The address of a resource's door, on this replica.</summary>
    string AddressOf(string resourceId);

    /// <summary>The right to use a resource for one grant: an HMAC over resource, lease and fence.</summary>
    /// <exception cref="State.StoreUnavailableException">The secret has not been read yet.</exception>
    string TokenOf(string resourceId, string leaseId, long fence);

    /// <summary>Doors are shut here, since what this replica has read of the fleet is older than 2 s although the store answers. As of the last look, which may be some seconds old.</summary>
    bool AreShut { get; }

    /// <summary>Whether a token gives the right to use a resource now, in store time.</summary>
    ValueTask<DoorEntry> EnterAsync(string resourceId, string? token, CancellationToken cancellationToken);
}

/// <summary>A door that opened, or why not: 401 no or another's token, 410 the lease has ended, 404 no such resource, 503 what is known is too old to tell.</summary>
public readonly record struct DoorEntry(LeasedResource? Resource, LeaseError? Error);

/// <summary>Does for a resource what its kind does, on the replica where it lives.</summary>
public interface IKindCalls
{
    Task<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken);

    Task<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken);

    Task<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken);
}

/// <summary>The replicas as homes of resources.</summary>
public interface IHomes
{
    /// <summary>The lasting name of this replica: the same after a restart over the same data folder.</summary>
    string Own { get; }

    /// <summary>Whether a home is there now, this one always.</summary>
    bool IsThere(string home);

    /// <summary>Whether resources of a home may be given out now: it is there, and did not fail to answer a moment ago.</summary>
    bool Answers(string home) => IsThere(home);

    /// <summary>Where a home is reached. Null: it is not there.</summary>
    Uri? AddressOf(string home);
}
