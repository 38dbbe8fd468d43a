using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.Server.Keys;

/// <summary>A key as it is stored: everything but the secret.</summary>
internal sealed record KeyRecord
{
    /// <summary>Names the key in lists, usage and logs: <c>key_</c> and 12 characters. Not secret.</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>SHA-256 of the secret, in hexadecimal.</summary>
    public required string Hash { get; init; }

    /// <summary>The first characters of the secret, to tell keys apart.</summary>
    public required string Shown { get; init; }

    public required IReadOnlyList<string> Roles { get; init; }

    /// <summary>Whom its data belongs to. Default: the key itself.</summary>
    public required string Tenant { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>From then on it is refused. Null: never.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>Requests in any minute, all replicas together. Null: no bound.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tokens in any minute, input and output, all replicas together. Null: no bound.</summary>
    public int? TokensPerMinute { get; init; }

    /// <summary>Requests at once; each replica has its part, at least 1. Null: no bound.</summary>
    public int? MaxInFlight { get; init; }

    /// <summary>Null: no bound.</summary>
    public SpendLimit? Spend { get; init; }

    /// <summary>The highest <c>x-weir-priority</c> it may use, 0 to 9; what asks for more gets this. Null: 9.</summary>
    public int? MaxPriority { get; init; }

    /// <summary>Model names it may use; <c>*</c> at the end of one matches any rest. Null: all.</summary>
    public IReadOnlyList<string>? Routes { get; init; }

    /// <summary>Kinds it may lease; <c>*</c> as above. Null: all.</summary>
    public IReadOnlyList<string>? Kinds { get; init; }
}

/// <summary>How much a key may spend.</summary>
/// <param name="Per"><c>day</c> or <c>month</c>, of the UTC calendar.</param>
/// <param name="Limit">In the currency of <c>prices</c>, usually dollars; reached, it answers 402.</param>
internal sealed record SpendLimit(string Per, decimal Limit);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(KeyRecord))]
[JsonSerializable(typeof(UsageDocument))]
internal sealed partial class KeyJson : JsonSerializerContext
{
}
