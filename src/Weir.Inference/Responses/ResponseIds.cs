using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Weir.Inference.Responses;

/// <summary>
/// The ids under which clients know stored responses: they carry the deployment and the provider key that made a response, and
/// are signed for one tenant, so that any replica finds the way back and nobody else's id is of any use.
/// </summary>
/// <remarks>
/// <c>resp_</c> and base64url of: format (1 byte), HMAC-SHA256 cut to 12 bytes, fingerprint of the provider key (4), length of the
/// deployment's name (2), that name, the provider's own id. The tenant is in the MAC alone.
/// </remarks>
public sealed class ResponseIds
{
    /// <summary>The bytes of a secret.</summary>
    public const int SecretLength = 32;

    private const string Prefix = "resp_";
    private const byte Format = 1;
    private const int MacAt = 1;
    private const int MacLength = 12;
    private const int KeyAt = MacAt + MacLength;
    private const int NameLengthAt = KeyAt + 4;
    private const int NameAt = NameLengthAt + 2;
    private const int LongestName = 1024;
    private const int LongestPayload = NameAt + LongestName + ResponseIdFinder.Longest;
    private static readonly int LongestId = Prefix.Length + Base64Url.GetEncodedLength(LongestPayload);

    private volatile byte[]? _secret;

    /// <summary>There is a secret. Without one no response can be named, so none is asked for.</summary>
    public bool IsReady => _secret is not null;

    /// <summary>Gives the secret, the same for all replicas and for as long as ids shall hold.</summary>
    /// <exception cref="ArgumentException">It has not <see cref="SecretLength"/> bytes.</exception>
    public void Use(ReadOnlySpan<byte> secret)
    {
        if (secret.Length != SecretLength)
        {
            throw new ArgumentException($"A secret has {SecretLength} bytes.", nameof(secret));
        }

        _secret = secret.ToArray();
    }

    /// <returns>Null where a name is longer than an id can carry.</returns>
    internal string? Encode(string tenant, in ResponseOrigin origin)
    {
        var name = Encoding.UTF8.GetByteCount(origin.Deployment);
        var upstream = Encoding.UTF8.GetByteCount(origin.UpstreamId);
        if (name > LongestName || upstream is 0 or > ResponseIdFinder.Longest)
        {
            return null;
        }

        Span<byte> payload = stackalloc byte[LongestPayload];
        payload = payload[..(NameAt + name + upstream)];
        payload[0] = Format;
        BinaryPrimitives.WriteUInt32BigEndian(payload[KeyAt..], origin.Key);
        BinaryPrimitives.WriteUInt16BigEndian(payload[NameLengthAt..], (ushort)name);
        Encoding.UTF8.GetBytes(origin.Deployment, payload[NameAt..]);
        Encoding.UTF8.GetBytes(origin.UpstreamId, payload[(NameAt + name)..]);
        Sign(tenant, payload, payload.Slice(MacAt, MacLength));
        return Prefix + Base64Url.EncodeToString(payload);
    }

    /// <summary>False for whatever was not made here for this tenant, and that is all that is told of it.</summary>
    internal bool TryDecode(string id, string tenant, out ResponseOrigin origin)
    {
        origin = default;
        if (id.Length > LongestId || !id.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        var text = id.AsSpan(Prefix.Length);
        Span<byte> buffer = stackalloc byte[LongestPayload];
        if (!Base64Url.IsValid(text, out var length) || length is <= NameAt or > LongestPayload || !Base64Url.TryDecodeFromChars(text, buffer, out length))
        {
            return false;
        }

        var payload = buffer[..length];
        Span<byte> mac = stackalloc byte[MacLength];
        Sign(tenant, payload, mac);
        if (!CryptographicOperations.FixedTimeEquals(mac, payload.Slice(MacAt, MacLength)) || payload[0] != Format)
        {
            return false;
        }

        var name = BinaryPrimitives.ReadUInt16BigEndian(payload[NameLengthAt..]);
        if (NameAt + name >= length)
        {
            return false;
        }

        origin = new ResponseOrigin(
            Encoding.UTF8.GetString(payload.Slice(NameAt, name)),
            BinaryPrimitives.ReadUInt32BigEndian(payload[KeyAt..]),
            Encoding.UTF8.GetString(payload[(NameAt + name)..]));

        // A response has one id: the decoder takes spaces and stray bits at the end for nothing, we do not.
        return Base64Url.EncodeToString(payload).AsSpan().SequenceEqual(text);
    }

    /// <summary>Tells a provider's keys apart without giving anything of them away.</summary>
    internal uint FingerprintOf(string provider, string? apiKey)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(Secret, Encoding.UTF8.GetBytes($"provider key\n{provider}\n{apiKey}"), hash);
        return BinaryPrimitives.ReadUInt32BigEndian(hash);
    }

    private byte[] Secret => _secret ?? throw new InvalidOperationException("The secret of response ids has not been given yet.");

    // Over everything but the MAC itself; the tenant's length keeps it apart from what follows.
    private void Sign(string tenant, ReadOnlySpan<byte> payload, Span<byte> mac)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Secret);
        var owner = Encoding.UTF8.GetBytes(tenant);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, owner.Length);
        hmac.AppendData("response id\n"u8);
        hmac.AppendData(length);
        hmac.AppendData(owner);
        hmac.AppendData(payload[..MacAt]);
        hmac.AppendData(payload[KeyAt..]);
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        hmac.GetHashAndReset(hash);
        hash[..MacLength].CopyTo(mac);
    }
}

/// <summary>Where a response was made.</summary>
/// <param name="Deployment"><c>provider/model</c>.</param>
/// <param name="Key">The fingerprint of the provider's key.</param>
/// <param name="UpstreamId">The provider's own id of it.</param>
internal readonly record struct ResponseOrigin(string Deployment, uint Key, string UpstreamId);
