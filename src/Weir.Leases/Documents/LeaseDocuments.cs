using System.Text.Json;
using System.Text.Json.Serialization;
using Weir.Leases.Kinds;

namespace Weir.Leases.Documents;

/// <summary>Where the documents of a fleet's leases stand, and what they look like. All of a fleet is one partition, so that a lease over several kinds is one commit.</summary>
public static class LeaseDocuments
{
    public const string Leases = "lease/";
    public const string Resources = "resource/";
    public const string Kinds = "kind/";

    public static string PartitionOf(string fleet) => "leases:" + fleet;

    /// <remarks>A config that many resources share is written once, in the demand that they were granted for.</remarks>
    public static byte[] Write(LeaseRecord record) => JsonSerializer.SerializeToUtf8Bytes(
        record with { Holdings = [.. record.Holdings.Select(holding => holding.Demand is null ? holding : holding with { Config = null })] }, LeaseJson.Default.LeaseRecord);

    public static byte[] Write(ResourceRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, LeaseJson.Default.ResourceRecord);

    public static byte[] Write(KindRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, LeaseJson.Default.KindRecord);

    /// <returns>Null where the body is no such record: written by another version, or by hand.</returns>
    public static LeaseRecord? ReadLease(ReadOnlySpan<byte> body)
    {
        if (Read(body, LeaseJson.Default.LeaseRecord) is not { } record)
            return null;
        return record.Holdings.Any(holding => holding.Demand is not null)
            ? record with { Holdings = [.. record.Holdings.Select(holding => holding.Demand is { } demand && demand < record.Demands.Count ? holding with { Config = record.Demands[demand].Config } : holding)] }
            : record;
    }

    /// <inheritdoc cref="ReadLease"/>
    public static ResourceRecord? ReadResource(ReadOnlySpan<byte> body) => Read(body, LeaseJson.Default.ResourceRecord);

    /// <inheritdoc cref="ReadLease"/>
    public static KindRecord? ReadKind(ReadOnlySpan<byte> body) => Read(body, LeaseJson.Default.KindRecord);

    private static T? Read<T>(ReadOnlySpan<byte> body, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(body, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(LeaseRecord))]
[JsonSerializable(typeof(ResourceRecord))]
[JsonSerializable(typeof(KindRecord))]
internal sealed partial class LeaseJson : JsonSerializerContext
{
}
