using System.Text.Json;
using Weir.Leases.Kinds;

namespace Weir.Server.Leases;

/// <summary>A kind as the API shows it: how it stands in the whole fleet.</summary>
internal sealed record KindView
{
    public required string Name { get; init; }

    /// <summary>Other names that leases may ask for it by.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Resources there are, in whatever state.</summary>
    public required int Total { get; init; }

    public required int Free { get; init; }

    public required int Leased { get; init; }

    public required int Resetting { get; init; }

    public required int Quarantined { get; init; }

    /// <summary>Leases that wait for it.</summary>
    public required int Waiting { get; init; }

    /// <summary>Resources given out by this replica since its start.</summary>
    public required long Allocations { get; init; }

    /// <summary>Resources taken back by this replica since its start.</summary>
    public required long Releases { get; init; }

    /// <summary>Why this replica has none of it. Null: it has.</summary>
    public FaultView? Unable { get; init; }

    /// <summary>What somebody should know who leases it. Null: nothing.</summary>
    public string? Note { get; init; }

    /// <summary>How it is defined, without the values of headers; only for admins.</summary>
    public JsonElement? Definition { get; init; }
}

/// <summary>A resource as the API shows it.</summary>
internal sealed record ResourceView
{
    public required string Id { get; init; }

    public required string Kind { get; init; }

    public required string Slot { get; init; }

    /// <summary>The replica that it lives on. Null: any serves it.</summary>
    public string? Home { get; init; }

    public required Weir.Leases.Documents.ResourceState State { get; init; }

    /// <summary>Made, and waiting to be used. Null: its kind makes nothing.</summary>
    public bool? Warm { get; init; }

    /// <summary>The lease that holds it; only for its tenant and admins.</summary>
    public string? Lease { get; init; }

    /// <summary>Whose lease that is; the same.</summary>
    public string? WorkerId { get; init; }

    /// <summary>Why it is quarantined; only for admins.</summary>
    public string? Reason { get; init; }

    /// <summary>An operator quarantined it, and only one restores it.</summary>
    public bool? Held { get; init; }

    /// <summary>How often in a row it could not be reset.</summary>
    public int? Failures { get; init; }

    /// <summary>When it is tried again by itself.</summary>
    public DateTimeOffset? RetryAt { get; init; }
}
