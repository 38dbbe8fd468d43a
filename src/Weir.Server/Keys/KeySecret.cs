using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Weir.Server.Keys;

/// <summary>
/// <para>The secret half of a key: <c>weir_</c> and 43 base62 characters, which hold 256 random bits.</para>
/// <para>
/// Only its SHA-256 is stored. A slow, salted hash protects secrets that people choose, because those can be guessed;
/// 256 random bits cannot be, so a fast hash gives away nothing and leaves the hot path at about a microsecond.
/// </para>
/// </summary>
internal static class KeySecret
{
    public const string Prefix = "weir_";

    /// <summary>Characters after <see cref="Prefix"/>: 43 × log2(62) = 256.03 bits.</summary>
    public const int RandomLength = 43;

    /// <summary>Of the random part, how many characters are kept in the clear so that people can tell keys apart (36 of the 256 bits).</summary>
    public const int ShownLength = 6;

    /// <summary>No longer bearer is even hashed.</summary>
    public const int MaxLength = 256;

    private const string Base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    public static string Create() => Prefix + RandomNumberGenerator.GetString(Base62, RandomLength);

    /// <summary>What may be shown of a secret: <c>weir_</c> and the first characters.</summary>
    public static string Shown(string secret) => secret[..Math.Min(secret.Length, Prefix.Length + ShownLength)];

    public static KeyHash Hash(ReadOnlySpan<char> secret)
    {
        Span<byte> utf8 = stackalloc byte[MaxLength * 3];
        var length = Encoding.UTF8.GetBytes(secret[..Math.Min(secret.Length, MaxLength)], utf8);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(utf8[..length], hash);
        return MemoryMarshal.Read<KeyHash>(hash);
    }
}

/// <summary>
/// The SHA-256 of a secret, as a dictionary key. Looking it up is not constant in time, and need not be: what an observer could
/// learn is how far the hash of a guess agrees with a stored hash, and hashes cannot be steered towards one.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct KeyHash(ulong A, ulong B, ulong C, ulong D)
{
    // Already uniform: no mixing needed.
    public override int GetHashCode() => (int)A;

    public override string ToString()
    {
        var self = this;
        return Convert.ToHexStringLower(MemoryMarshal.AsBytes(new ReadOnlySpan<KeyHash>(in self)));
    }

    /// <summary>Null where the text is not 64 hexadecimal digits.</summary>
    public static KeyHash? Parse(string hex)
    {
        if (hex.Length != 64) return null;
        Span<byte> bytes = stackalloc byte[32];
        return Convert.FromHexString(hex, bytes, out _, out _) == System.Buffers.OperationStatus.Done
            ? MemoryMarshal.Read<KeyHash>(bytes)
            : null;
    }
}
