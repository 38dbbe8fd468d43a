using System.Text.Json;
using Weir.Leases;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;

namespace Weir.Server.Leases;

/// <summary>A resource as AgentFlow's clients know it, over HTTP and MCP alike.</summary>
internal sealed record LegacyResource
{
    public required string Id { get; init; }

    /// <summary>The kind, by the name that it was asked for.</summary>
    public required string Type { get; init; }

    public required string BaseUrl { get; init; }

    /// <summary>The right to use it at its address, until the lease ends.</summary>
    public required string Token { get; init; }

    /// <summary><c>ready</c>, or <c>failed</c> where it could not be initialised and the lease goes on without it.</summary>
    public required string Status { get; init; }

    public required string LeaseId { get; init; }

    public required long Fence { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>What its kind told about it. Null: nothing.</summary>
    public JsonElement? Details { get; init; }

    /// <summary>Why it failed. Null: it did not.</summary>
    public string? Error { get; init; }
}

/// <summary>Leases in AgentFlow's shapes: a map from kind to one resource of it.</summary>
internal static class LegacyShapes
{
    /// <summary>One resource of each kind that is named; the map that answers has room for no more.</summary>
    public static (IReadOnlyList<LeaseDemand> Demands, LeaseError? Error) DemandsOf(IReadOnlyList<string> types)
    {
        if (types.Count == 0)
            return ([], new LeaseError(422, "invalid_value", "'resource_types' is empty: name at least one kind.") { Param = "resource_types" });
        foreach (var type in types)
        {
            if (string.IsNullOrWhiteSpace(type))
                return ([], new LeaseError(422, "invalid_value", "'resource_types' holds an empty name: each entry names a kind.") { Param = "resource_types" });
        }

        if (types.GroupBy(type => type, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            return ([], new LeaseError(422, "invalid_value", $"'resource_types' names '{twice.Key}' twice, and the answer has one entry for each kind: POST /v1/leases takes a count.")
                { Param = "resource_types" });
        }

        return ([.. types.Select(type => new LeaseDemand(type, 1, null))], null);
    }

    /// <summary>From each kind, as it was asked for, to its resource, in the order of the lease.</summary>
    public static IReadOnlyDictionary<string, LegacyResource> MapOf(Stored<LeaseRecord> lease, IDoors doors)
    {
        var map = new OrderedDictionary<string, LegacyResource>(StringComparer.Ordinal);
        foreach (var holding in lease.Value.Holdings)
            map[holding.AskedAs] = Of(lease, holding, doors);
        return map;
    }

    public static LegacyResource Of(Stored<LeaseRecord> lease, LeaseHolding holding, IDoors doors)
    {
        var fence = lease.Value.FenceOf(lease.Version);
        return new LegacyResource
        {
            Id = holding.Resource,
            Type = holding.AskedAs,
            BaseUrl = doors.AddressOf(holding.Resource),
            Token = doors.TokenOf(holding.Resource, lease.Value.Id, fence),
            Status = holding.Fault is null ? "ready" : "failed",
            LeaseId = lease.Value.Id,
            Fence = fence,
            ExpiresAt = lease.Value.EndsAt,
            Details = holding.Details,
            Error = holding.Fault,
        };
    }
}
