using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Weir.Retrieval.Models.Hashing;

/// <summary>A word, or one or two characters of a script without spaces.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct WordEntry
{
    public ulong Hash;
    public int Start, Length, Characters, Count;
    public bool Unsegmented;
}

/// <summary>The distinct words of a text in the order in which they first came, in rented memory.</summary>
internal ref struct WordCounts : IDisposable
{
    /// <summary>Words past these many different ones are not counted, so that no text can take more memory than this.</summary>
    public const int Most = 65_536;

    // Of this process alone: nobody can make a text whose words all meet in one bucket.
    private static readonly ulong Spread = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;

    private byte[] _bytes;
    private WordEntry[] _entries;
    private int[] _buckets;
    private int _bucketMask, _count, _used;

    /// <param name="textLength">In bytes. A text becomes three times as long at most: each character of a script without spaces stands in two words.</param>
    public WordCounts(int textLength)
    {
        _bytes = ArrayPool<byte>.Shared.Rent((int)Math.Min((3L * textLength) + 16, (Most + 2L) * WordReader.LongestWord * 4));
        _entries = ArrayPool<WordEntry>.Shared.Rent(256);
        _buckets = [];
        SizeBuckets(512);
    }

    public readonly ReadOnlySpan<WordEntry> Entries => _entries.AsSpan(0, _count);

    public readonly ReadOnlySpan<byte> BytesOf(in WordEntry entry) => _bytes.AsSpan(entry.Start, entry.Length);

    /// <summary>Where the next word is written; what is written there counts once it is committed.</summary>
    public readonly Span<byte> Free => _bytes.AsSpan(_used);

    /// <summary>Counts the word that stands at the beginning of <see cref="Free"/>.</summary>
    public void Commit(int length, int characters, bool unsegmented)
    {
        var hash = HashingFeatures.HashOf(_bytes.AsSpan(_used, length), unsegmented);
        var bucket = BucketOf(hash);
        for (; _buckets[bucket] != 0; bucket = (bucket + 1) & _bucketMask)
        {
            ref var known = ref _entries[_buckets[bucket] - 1];
            if (known.Hash == hash)
            {
                known.Count++;
                return;
            }
        }

        if (_count == Most)
            return;
        if (_count == _entries.Length)
            Grow(ref _entries, _count);
        _entries[_count] = new() { Hash = hash, Start = _used, Length = length, Characters = characters, Count = 1, Unsegmented = unsegmented };
        _used += length;
        _buckets[bucket] = ++_count;
        if (_count * 2 > _bucketMask)
            SizeBuckets((_bucketMask + 1) * 2);
    }

    public readonly void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        ArrayPool<WordEntry>.Shared.Return(_entries);
        ArrayPool<int>.Shared.Return(_buckets);
    }

    private readonly int BucketOf(ulong hash) => (int)(unchecked(hash * Spread) >> 32) & _bucketMask;

    private void SizeBuckets(int size)
    {
        if (_buckets.Length > 0)
            ArrayPool<int>.Shared.Return(_buckets);
        _buckets = ArrayPool<int>.Shared.Rent(size);
        _buckets.AsSpan(0, size).Clear();
        _bucketMask = size - 1;
        for (var i = 0; i < _count; i++)
        {
            var bucket = BucketOf(_entries[i].Hash);
            while (_buckets[bucket] != 0)
                bucket = (bucket + 1) & _bucketMask;
            _buckets[bucket] = i + 1;
        }
    }

    private static void Grow(ref WordEntry[] entries, int count)
    {
        var larger = ArrayPool<WordEntry>.Shared.Rent(count * 2);
        entries.AsSpan(0, count).CopyTo(larger);
        ArrayPool<WordEntry>.Shared.Return(entries);
        entries = larger;
    }
}
