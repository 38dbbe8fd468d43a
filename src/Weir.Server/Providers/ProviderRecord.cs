using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.Server.Providers;

/// <summary>What operators have done to a provider: one document for all replicas, under the provider's name.</summary>
internal sealed record ProviderRecord
{
    public const string Partition = "config";
    public const string KeyPrefix = "providers/";

    /// <summary>Null: in use.</summary>
    public PauseRecord? Pause { get; init; }

    /// <summary>The last reset. Null: there was none.</summary>
    public ResetRecord? Reset { get; init; }

    public static string KeyOf(string provider) => KeyPrefix + provider;

    public byte[] ToBody() => JsonSerializer.SerializeToUtf8Bytes(this, ProviderJson.Default.ProviderRecord);

    /// <summary>Null where it cannot be read.</summary>
    public static ProviderRecord? Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonSerializer.Deserialize(body.Span, ProviderJson.Default.ProviderRecord);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <param name="Drain">Whether who waits for it still goes there.</param>
/// <param name="Since">When it was asked for.</param>
/// <param name="By">The id of the key that asked.</param>
internal sealed record PauseRecord(bool Drain, DateTimeOffset Since, string By);

/// <param name="Id">A replica resets when it sees one that it has not seen.</param>
/// <param name="At">When it was asked for.</param>
/// <param name="By">The id of the key that asked.</param>
internal sealed record ResetRecord(string Id, DateTimeOffset At, string By);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(ProviderRecord))]
internal sealed partial class ProviderJson : JsonSerializerContext
{
}
