using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.State.Replicas;

/// <summary>Where this replica is, for what can be reached on it alone.</summary>
public interface IReplicaPlace
{
    /// <summary>Its lasting name: the same after a restart over the same data folder.</summary>
    string Home { get; }

    /// <summary>Where others reach it. Null: not known yet.</summary>
    Uri? Url { get; }
}

/// <summary>What a replica says of itself.</summary>
/// <param name="Id">This run of it.</param>
/// <param name="Home">Its lasting name. Null: it did not say.</param>
/// <param name="Url">Where others reach it. Null: it did not say.</param>
internal sealed record ReplicaAnnouncement(string Id, string? Home, string? Url)
{
    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, ReplicaJson.Default.ReplicaAnnouncement);

    /// <returns>Null where the body is nothing that a replica says: another version's.</returns>
    public static ReplicaAnnouncement? Read(ReadOnlySpan<byte> body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, ReplicaJson.Default.ReplicaAnnouncement);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ReplicaAnnouncement))]
internal sealed partial class ReplicaJson : JsonSerializerContext
{
}
