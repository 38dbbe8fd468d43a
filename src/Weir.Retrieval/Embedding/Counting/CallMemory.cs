using Weir.Retrieval.Embedding.Caching;

namespace Weir.Retrieval.Embedding.Counting;

/// <summary>
/// How often each client asked for which text: in a table of fixed size, where what was asked for longest ago makes room. It knows texts by their
/// keys alone. Noting looks at one set; whoever wonders has the whole table looked through, a part of it at a time. Safe from any thread.
/// </summary>
internal sealed class CallMemory
{
    public const int Size = 1 << 16;

    private const int Ways = 4;
    private const int Sets = Size / Ways;
    private const int Stripes = 64;

    private readonly Call[] _calls = new Call[Size];
    private readonly Lock[] _locks = new Lock[Stripes];

    public CallMemory()
    {
        for (var i = 0; i < Stripes; i++)
            _locks[i] = new Lock();
    }

    public void Note(ClientCounts client, in VectorKey key, long utcTicks)
    {
        var set = (int)((key.B ^ client.Tag) % Sets);
        lock (_locks[set % Stripes])
        {
            var calls = _calls.AsSpan(set * Ways, Ways);
            var eldest = 0;
            for (var i = 0; i < Ways; i++)
            {
                ref var call = ref calls[i];
                if (call.Is(key) && call.Client!.Tag == client.Tag)
                {
                    call.Count++;
                    call.Last = utcTicks;
                    return;
                }

                if (call.Last < calls[eldest].Last)
                    eldest = i;
            }

            calls[eldest] = new Call { KeyC = key.C, KeyD = key.D, Client = client, Count = 1, First = utcTicks, Last = utcTicks };
        }
    }

    /// <summary>Everybody who asked for it, as far as is remembered: whoever asked last stands first.</summary>
    public IReadOnlyList<ExplainedCaller> Find(in VectorKey key)
    {
        var callers = new List<ExplainedCaller>();
        for (var stripe = 0; stripe < Stripes; stripe++)
        {
            lock (_locks[stripe])
            {
                for (var set = stripe; set < Sets; set += Stripes)
                {
                    foreach (ref var call in _calls.AsSpan(set * Ways, Ways))
                    {
                        if (call.Is(key))
                            callers.Add(new ExplainedCaller(call.Client!.Tenant, call.Client.Client, call.Count, At(call.First), At(call.Last)));
                    }
                }
            }
        }

        callers.Sort(static (one, other) => other.Last.CompareTo(one.Last));
        return callers;
    }

    private static DateTimeOffset At(long utcTicks) => new(utcTicks, TimeSpan.Zero);

    private struct Call
    {
        public ulong KeyC;
        public ulong KeyD;
        public ClientCounts? Client;
        public long Count;
        public long First;
        public long Last;

        public readonly bool Is(in VectorKey key) => Client is not null && KeyC == key.C && KeyD == key.D;
    }
}
