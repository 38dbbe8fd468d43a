using Weir.Retrieval.Embedding.Caching;

namespace Weir.Retrieval.Embedding.Counting;

/// <summary>
/// How often each tenant asked for which text: in a table of fixed size, where what was asked for longest ago makes room. It knows texts by their
/// keys and tenants by a hash, and nothing of one is found with another's. Safe from any thread.
/// </summary>
internal sealed class CallMemory
{
    public const int Size = 1 << 16;

    private const int Ways = 4;
    private const int Stripes = 64;

    private readonly Call[] _calls = new Call[Size];
    private readonly Lock[] _locks = new Lock[Stripes];

    public CallMemory()
    {
        for (var i = 0; i < Stripes; i++)
            _locks[i] = new Lock();
    }

    public void Note(ulong tenant, in VectorKey key, long utcTicks)
    {
        var set = SetOf(tenant, key);
        lock (_locks[set % Stripes])
        {
            var calls = _calls.AsSpan(set * Ways, Ways);
            var eldest = 0;
            for (var i = 0; i < Ways; i++)
            {
                ref var call = ref calls[i];
                if (call.Is(tenant, key))
                {
                    call.Count++;
                    call.Last = utcTicks;
                    return;
                }

                if (call.Last < calls[eldest].Last)
                    eldest = i;
            }

            calls[eldest] = new Call { KeyC = key.C, KeyD = key.D, Tenant = tenant, Count = 1, First = utcTicks, Last = utcTicks };
        }
    }

    public ExplainedCalls? Find(ulong tenant, in VectorKey key)
    {
        var set = SetOf(tenant, key);
        lock (_locks[set % Stripes])
        {
            foreach (ref var call in _calls.AsSpan(set * Ways, Ways))
            {
                if (call.Is(tenant, key))
                    return new ExplainedCalls(call.Count, new DateTimeOffset(call.First, TimeSpan.Zero), new DateTimeOffset(call.Last, TimeSpan.Zero));
            }
        }

        return null;
    }

    private static int SetOf(ulong tenant, in VectorKey key) => (int)((key.B ^ tenant) % (Size / Ways));

    private struct Call
    {
        public ulong KeyC;
        public ulong KeyD;
        public ulong Tenant;
        public long Count;
        public long First;
        public long Last;

        public readonly bool Is(ulong tenant, in VectorKey key) => Count > 0 && KeyC == key.C && KeyD == key.D && Tenant == tenant;
    }
}
