using System.Text.Json;
using Weir.Leases.Documents;

namespace Weir.Server.Leases;

/// <summary>A lease as the API shows it.</summary>
internal sealed record LeaseView
{
    public required string Id { get; init; }

    public required string WorkerId { get; init; }

    /// <summary>To be sent with renewals and releases: an older one is refused. Null: it has been granted nothing.</summary>
    public long? Fence { get; init; }

    /// <summary>waiting, granted (being initialised), ready, released, expired or failed.</summary>
    public required LeaseState State { get; init; }

    /// <summary>0 to 9, 9 first.</summary>
    public required int Priority { get; init; }

    public required TimeSpan Ttl { get; init; }

    /// <summary>Its place among all who wait, from 1. Null: it does not wait.</summary>
    public int? Position { get; init; }

    public required DateTimeOffset AskedAt { get; init; }

    /// <summary>When its wait is over. Null: it does not wait.</summary>
    public DateTimeOffset? WaitsUntil { get; init; }

    public DateTimeOffset? GrantedAt { get; init; }

    public DateTimeOffset? ReadyAt { get; init; }

    /// <summary>When it is taken back unless it is renewed. Null: it is not ready.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it ended, or holds less than it was granted.</summary>
    public string? Reason { get; init; }

    /// <summary>The code of the error that it failed with, such as <c>initialisation_failed</c>. Null: it has not failed.</summary>
    public string? Code { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>What was asked for, until it is granted.</summary>
    public IReadOnlyList<DemandView>? Demands { get; init; }

    /// <summary>What it holds, or held last.</summary>
    public required IReadOnlyList<LeasedView> Resources { get; init; }
}

/// <param name="Kind">The kind's name.</param>
/// <param name="Count">How many.</param>
internal sealed record DemandView(string Kind, int Count);

/// <summary>One resource of a lease.</summary>
internal sealed record LeasedView
{
    public required string Id { get; init; }

    /// <summary>Its kind, by the name that was asked for.</summary>
    public required string Kind { get; init; }

    /// <summary>The kind's own name, where another was asked for. Null: the same.</summary>
    public string? ResolvedKind { get; init; }

    /// <summary>Where it is used, with <see cref="Token"/>. Null: not now.</summary>
    public string? BaseUrl { get; init; }

    /// <summary>The right to use it until the lease ends: send it as a bearer. Only to the key that made the lease.</summary>
    public string? Token { get; init; }

    /// <summary>initialising, ready, failed, or released.</summary>
    public required string Status { get; init; }

    /// <summary>What its kind tells about it.</summary>
    public JsonElement? Details { get; init; }

    /// <summary>Why it could not be initialised.</summary>
    public string? Error { get; init; }

    /// <summary>What it showed first. Null: nobody asked, or there is nothing to see.</summary>
    public ObservationView? Observation { get; init; }
}

/// <summary>What a renewal answers.</summary>
/// <param name="Id">The lease.</param>
/// <param name="Fence">Its fence, which is the same.</param>
/// <param name="ExpiresAt">When it is taken back unless it is renewed again.</param>
/// <param name="Reason">Why it holds less than it was granted. Null: it has all, or gave the rest back.</param>
internal sealed record RenewedView(string Id, long Fence, DateTimeOffset ExpiresAt, string? Reason);

/// <summary>A part of a list.</summary>
/// <param name="Data">In the order of their ids.</param>
/// <param name="HasMore">There are more after these.</param>
/// <param name="After">What to send as <c>after</c> for those. Null: there are none.</param>
internal sealed record PartOf<T>(IReadOnlyList<T> Data, bool HasMore, string? After)
{
    /// <param name="all">In the order of <paramref name="id"/>, those after the last page.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="id">By which they are in order.</param>
    /// <param name="view">What is shown of one.</param>
    public static PartOf<T> Of<TRecord>(IEnumerable<TRecord> all, int limit, Func<TRecord, string> id, Func<TRecord, T> view)
    {
        var found = all.Take(limit + 1).ToList();
        var data = found.Take(limit).ToList();
        return new([.. data.Select(view)], found.Count > limit, found.Count > limit ? id(data[^1]) : null);
    }
}
