using System.Runtime.InteropServices;

namespace Weir.Retrieval.Sparse;

/// <summary>The terms of one segment, numbered in the order in which they came. Nobody adds to it once the segment is published.</summary>
internal sealed class TermTable
{
    private readonly List<char> _characters = [];
    private readonly List<int> _ends = [];
    // Hashes are seeded at random for each process, so that nobody can make terms that meet in one bucket.
    private int[] _buckets = new int[64];

    public int Count => _ends.Count;

    public long Bytes => (_characters.Capacity * 2L) + (_ends.Capacity * 4L) + (_buckets.Length * 4L);

    public ReadOnlySpan<char> this[int term]
    {
        get
        {
            var start = term == 0 ? 0 : _ends[term - 1];
            return CollectionsMarshal.AsSpan(_characters)[start.._ends[term]];
        }
    }

    /// <summary>The term's number; -1: it is not here.</summary>
    public int Find(ReadOnlySpan<char> term) => _buckets[Bucket(term)] - 1;

    public int GetOrAdd(ReadOnlySpan<char> term)
    {
        var bucket = Bucket(term);
        if (_buckets[bucket] != 0)
            return _buckets[bucket] - 1;
        _characters.AddRange(term);
        _ends.Add(_characters.Count);
        _buckets[bucket] = Count;
        if (Count * 2 > _buckets.Length)
            Grow();
        return Count - 1;
    }

    public void Trim()
    {
        _characters.TrimExcess();
        _ends.TrimExcess();
    }

    /// <summary>Where the term stands, or the free place where it would.</summary>
    private int Bucket(ReadOnlySpan<char> term)
    {
        var mask = _buckets.Length - 1;
        var bucket = string.GetHashCode(term) & mask;
        while (_buckets[bucket] != 0 && !this[_buckets[bucket] - 1].SequenceEqual(term))
            bucket = (bucket + 1) & mask;
        return bucket;
    }

    private void Grow()
    {
        _buckets = new int[_buckets.Length * 2];
        for (var i = 0; i < Count; i++)
            _buckets[Bucket(this[i])] = i + 1;
    }
}
