using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Weir.Leases.Documents;

/// <summary>Where a resource stands: always exactly one of these.</summary>
public enum ResourceState
{
    /// <summary>May be given out.</summary>
    Free,

    /// <summary>Held by the lease that the record names.</summary>
    Leased,

    /// <summary>Given back and being made clean.</summary>
    Resetting,

    /// <summary>Not given out: a reset or a health check failed, or an operator said so.</summary>
    Quarantined,
}

/// <summary>
/// One resource as it is stored. While it is leased the document is not written: its version is the revision of the grant, which is the fence.
/// </summary>
public sealed record ResourceRecord
{
    /// <summary>Its kind's name, a dot, and its slot: <c>rag.3</c>, <c>vm.7f3a.0</c>, <c>remote:gpu-box.a.0</c>.</summary>
    public required string Id { get; init; }

    public required string Kind { get; init; }

    /// <summary>What the kind calls it; unique in the kind.</summary>
    public required string Slot { get; init; }

    /// <summary>The replica, by its lasting name, that alone makes, serves and ends it. Null: any replica serves it.</summary>
    public string? Home { get; init; }

    public required ResourceState State { get; init; }

    /// <summary>The lease that holds it. Null unless leased.</summary>
    public string? Lease { get; init; }

    /// <summary>What stands behind it now. Null: nothing has been made (a kind without instances, or one that is made when it is first needed).</summary>
    public ResourceInstance? Instance { get; init; }

    /// <summary>Who is resetting or checking it, and until when in store time nobody else may. Null: nobody.</summary>
    public ResourceClaim? Claim { get; init; }

    /// <summary>Why it is quarantined, for people.</summary>
    public string? Reason { get; init; }

    /// <summary>An operator quarantined it, and only one restores it.</summary>
    public bool Held { get; init; }

    /// <summary>How often in a row it could not be reset.</summary>
    public int Failures { get; init; }

    /// <summary>When a quarantined resource is tried again, in store time. Null: not by itself.</summary>
    public DateTimeOffset? RetryAt { get; init; }
}

/// <summary>What stands behind a resource.</summary>
/// <param name="Id">Never used twice: what is done to one instance cannot touch the next.</param>
/// <param name="Data">What the kind needs to find it again. Null: nothing.</param>
public sealed record ResourceInstance(string Id, JsonElement? Data)
{
    /// <summary>Says which definition of its kind it was made by; once that has changed, it is replaced as soon as it is free. Null: not known.</summary>
    public string? Definition { get; init; }

    /// <summary>The id of the instance that is made for a grant of a resource that had none: whoever knows the grant knows it, also of one that was never finished.</summary>
    /// <param name="resource">The resource's id.</param>
    /// <param name="fence">The grant's revision, which no other grant has.</param>
    public static string IdOf(string resource, long fence) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{resource}/{fence}"))))[..16];
}

/// <summary>A claim on work with effects, which ends by itself.</summary>
/// <param name="Replica">The run of the replica that holds it.</param>
/// <param name="Until">In store time.</param>
public sealed record ResourceClaim(string Replica, DateTimeOffset Until);
