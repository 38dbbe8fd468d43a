using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Weir.Leases.Doors;

/// <summary>What a token gives the right to.</summary>
internal enum DoorPurpose
{
    /// <summary>To use the resource: what a lease's holder is given.</summary>
    Use,

    /// <summary>To do for it what its kind does before it is used. Only replicas make these, for each other.</summary>
    Prepare,
}

/// <summary>What a token says, once it is proven.</summary>
/// <param name="LeaseId">The lease that holds the resource.</param>
/// <param name="Fence">The grant's.</param>
internal readonly record struct DoorClaim(string LeaseId, long Fence);

/// <summary>
/// Makes tokens and checks them: a prefix that says the purpose, then lease, fence and HMAC-SHA256 over purpose, resource, lease and fence, with dots
/// between. All of it may stand in a header and in the name of a WebSocket protocol.
/// </summary>
internal sealed class DoorSigner
{
    public const int SecretLength = 32;

    private const int LongestToken = 512;

    private byte[]? _secret;

    public bool IsReady => Volatile.Read(ref _secret) is not null;

    public void Use(byte[] secret) => Volatile.Write(ref _secret, secret);

    /// <exception cref="State.StoreUnavailableException">The secret has not been read yet.</exception>
    public string Sign(DoorPurpose purpose, string resourceId, string leaseId, long fence) => string.Create(
        CultureInfo.InvariantCulture, $"{PrefixOf(purpose)}{leaseId}.{fence}.{Base64Url.EncodeToString(Mac(purpose, resourceId, leaseId, fence))}");

    /// <returns>Null: the token was not made for this resource and purpose.</returns>
    /// <exception cref="State.StoreUnavailableException">The secret has not been read yet.</exception>
    public DoorClaim? Read(DoorPurpose purpose, string resourceId, string token)
    {
        var prefix = PrefixOf(purpose);
        if (token.Length > LongestToken || !token.StartsWith(prefix, StringComparison.Ordinal))
            return null;
        var macAt = token.LastIndexOf('.') + 1;
        var fenceAt = macAt < 2 ? 0 : token.LastIndexOf('.', macAt - 2) + 1;
        if (fenceAt <= prefix.Length + 1
            || !long.TryParse(token.AsSpan(fenceAt, macAt - fenceAt - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var fence))
            return null;

        Span<byte> told = stackalloc byte[HMACSHA256.HashSizeInBytes];
        var mac = token.AsSpan(macAt);
        if (!Base64Url.IsValid(mac, out var length) || length != told.Length || !Base64Url.TryDecodeFromChars(mac, told, out _))
            return null;
        var leaseId = token[prefix.Length..(fenceAt - 1)];
        return CryptographicOperations.FixedTimeEquals(told, Mac(purpose, resourceId, leaseId, fence)) ? new DoorClaim(leaseId, fence) : null;
    }

    private static string PrefixOf(DoorPurpose purpose) => purpose == DoorPurpose.Use ? "weirdoor_" : "weirhome_";

    private byte[] Mac(DoorPurpose purpose, string resourceId, string leaseId, long fence)
    {
        var secret = Volatile.Read(ref _secret)
            ?? throw new State.StoreUnavailableException("The secret of the doors has not been read from the store yet.");
        // None of the parts can hold a line feed.
        return HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{PrefixOf(purpose)}\n{resourceId}\n{leaseId}\n{fence}")));
    }
}
