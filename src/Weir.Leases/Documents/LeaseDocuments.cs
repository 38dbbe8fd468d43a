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

    public static byte[] Write(LeaseRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, LeaseJson.Default.LeaseRecord);

    public static byte[] Write(ResourceRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, LeaseJson.Default.ResourceRecord);

    public static byte[] Write(KindRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, LeaseJson.Default.KindRecord);

    /// <returns>Null where the body is no such record: written by another version, or by hand.</returns>
    public static LeaseRecord? ReadLease(ReadOnlySpan<byte> body) => Read(body, LeaseJson.Default.LeaseRecord);

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
    // Not the defaults of values: what is required must stand there to be read again, and a state is often the first.
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(LeaseRecord))]
[JsonSerializable(typeof(ResourceRecord))]
[JsonSerializable(typeof(KindRecord))]
internal sealed partial class LeaseJson : JsonSerializerContext
{
}
