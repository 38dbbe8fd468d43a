using System.Collections.Concurrent;

namespace Weir.State.Caching;

/// <summary>What each space of a cache may hold.</summary>
/// <param name="usual">For a space that nobody bounded by itself.</param>
internal sealed class CacheBounds(long usual)
{
    private readonly ConcurrentDictionary<string, long> _own = new(StringComparer.Ordinal);

    public void Set(string space, long maxBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        _own[space] = maxBytes;
    }

    public long Of(string space) => _own.TryGetValue(space, out var own) ? own : usual;
}
