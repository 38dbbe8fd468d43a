using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Weir.Retrieval.Embedding.Counting;

/// <summary>One client and what it asked for. Safe from any thread.</summary>
internal sealed class ClientCounts(string tenant, string client)
{
    private long _requests;
    private long _hits;
    private long _misses;
    private long _joined;
    private long _tokens;
    private long _lastSeen;

    public string Tenant => tenant;

    public string Client => client;

    /// <summary>Tells it from others in <see cref="CallMemory"/>, also once it was folded and has come back.</summary>
    public ulong Tag { get; } = TagOf(tenant, client);

    /// <summary>UTC ticks.</summary>
    public long LastSeen => Volatile.Read(ref _lastSeen);

    public void Seen(long utcTicks) => Volatile.Write(ref _lastSeen, utcTicks);

    public void Answered(in RequestCount count)
    {
        Interlocked.Increment(ref _requests);
        Interlocked.Add(ref _hits, count.Hits);
        Interlocked.Add(ref _tokens, count.Tokens);
        if (count.Hits == count.Inputs)
            return;
        Interlocked.Add(ref _misses, count.Misses);
        Interlocked.Add(ref _joined, count.Joined);
    }

    /// <summary>Takes over what another counted.</summary>
    public void Add(ClientCounts other)
    {
        Interlocked.Add(ref _requests, Interlocked.Exchange(ref other._requests, 0));
        Interlocked.Add(ref _hits, Interlocked.Exchange(ref other._hits, 0));
        Interlocked.Add(ref _misses, Interlocked.Exchange(ref other._misses, 0));
        Interlocked.Add(ref _joined, Interlocked.Exchange(ref other._joined, 0));
        Interlocked.Add(ref _tokens, Interlocked.Exchange(ref other._tokens, 0));
        Seen(Math.Max(LastSeen, other.LastSeen));
    }

    public EmbeddingClientStats ToStats() => new()
    {
        Tenant = tenant,
        Client = client,
        Requests = Volatile.Read(ref _requests),
        Hits = Volatile.Read(ref _hits),
        Misses = Volatile.Read(ref _misses),
        Coalesced = Volatile.Read(ref _joined),
        Tokens = Volatile.Read(ref _tokens),
        LastSeen = new DateTimeOffset(LastSeen, TimeSpan.Zero),
    };

    // The tenant's length keeps ("a", "bc") and ("ab", "c") apart.
    private static ulong TagOf(string tenant, string client) =>
        BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{tenant.Length}:{tenant}{client}"))));
}
