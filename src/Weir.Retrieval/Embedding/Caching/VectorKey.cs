using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Weir.Retrieval.Embedding.Caching;

/// <summary>
/// SHA-256 over a model's revision, the dimensions, what kind of input it is, and the exact bytes. Tenants share the cache, so nobody must be
/// able to make two texts that have one key.
/// </summary>
internal readonly record struct VectorKey(ulong A, ulong B, ulong C, ulong D)
{
    public const int Bytes = SHA256.HashSizeInBytes;

    public static VectorKey Of(ReadOnlySpan<byte> hash) => MemoryMarshal.Read<VectorKey>(hash);

    public byte[] ToArray()
    {
        var bytes = new byte[Bytes];
        MemoryMarshal.Write(bytes, in this);
        return bytes;
    }

    public bool Equals(VectorKey other) => A == other.A && B == other.B && C == other.C && D == other.D;

    /// <summary>Any part of a good hash is one; <see cref="A"/> chooses the shard, so it says nothing more inside of it.</summary>
    public override int GetHashCode() => (int)B;
}

/// <summary>Makes the keys of one revision of a model.</summary>
internal sealed class VectorKeys
{
    private const int PrefixBytes = 16 + sizeof(int) + 1;
    private const int OnStack = 2048;

    private readonly byte[] _revision;

    public VectorKeys(string revision) => _revision = SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(revision))[..16];

    /// <param name="dimensions">As they are given back; 0 where the model's own are meant and not known.</param>
    /// <param name="input">What is embedded.</param>
    public VectorKey Of(int dimensions, in EmbeddingInput input)
    {
        var data = input.IsTokens ? MemoryMarshal.AsBytes(input.Tokens.Span) : input.Utf8.Span;
        Span<byte> hash = stackalloc byte[VectorKey.Bytes];
        if (data.Length <= OnStack - PrefixBytes)
        {
            // One call is several times cheaper than feeding a hash in parts.
            Span<byte> whole = stackalloc byte[OnStack];
            WritePrefix(whole, dimensions, input.IsTokens);
            data.CopyTo(whole[PrefixBytes..]);
            SHA256.HashData(whole[..(PrefixBytes + data.Length)], hash);
            return VectorKey.Of(hash);
        }

        Span<byte> prefix = stackalloc byte[PrefixBytes];
        WritePrefix(prefix, dimensions, input.IsTokens);
        using var parts = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        parts.AppendData(prefix);
        parts.AppendData(data);
        parts.GetHashAndReset(hash);
        return VectorKey.Of(hash);
    }

    private void WritePrefix(Span<byte> whole, int dimensions, bool isTokens)
    {
        _revision.CopyTo(whole);
        BinaryPrimitives.WriteInt32LittleEndian(whole[16..], dimensions);
        whole[20] = isTokens ? (byte)1 : (byte)0;
    }
}
