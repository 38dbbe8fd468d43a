using System.Collections.Concurrent;
using System.Text.Json;
using Weir.Leases;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Tests.Server.Mcp.Support;

/// <summary>A fleet in memory that grants what is free, or when it is told to.</summary>
internal sealed class FakeLeases : ILeaseBroker, IFleetView, IDoors
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, Stored<LeaseRecord>> _leases = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, Stored<ResourceRecord>> _resources = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, Stored<KindRecord>> _kinds = new(StringComparer.Ordinal);
    private long _revision;
    private int _position = 3;

    public event Action? Changed;

    /// <summary>While set, whoever allocates waits for it.</summary>
    public TaskCompletionSource? Hold { get; set; }

    /// <summary>Signalled when somebody waits.</summary>
    public SemaphoreSlim Waiting { get; } = new(0);

    /// <summary>Signalled when a wait was given up.</summary>
    public SemaphoreSlim GivenUp { get; } = new(0);

    public ConcurrentQueue<string> Abandoned { get; } = [];

    public ConcurrentQueue<KindCall> Uses { get; } = [];

    public ConcurrentQueue<(string Lease, long? Fence, TimeSpan? Ttl)> Renewals { get; } = [];

    /// <summary>What a config is refused for. Null: it is taken.</summary>
    public Func<JsonElement?, string?> Refuse { get; set; } = _ => null;

    public bool IsKnown => true;

    public long Revision => _revision;

    public IReadOnlyList<Stored<KindRecord>> Kinds => Locked(() => _kinds.Values.ToList());

    public IReadOnlyList<Stored<LeaseRecord>> Leases => Locked(() => _leases.Values.ToList());

    public void Add(string kind, int count)
    {
        lock (_gate)
        {
            _kinds[kind] = new(new KindRecord(kind, new KindOptions { Capacity = count }), ++_revision);
            for (var slot = 0; slot < count; slot++)
            {
                var id = $"{kind}.{slot}";
                _resources[id] = new(new ResourceRecord { Id = id, Kind = kind, Slot = $"{slot}", State = ResourceState.Free }, ++_revision);
            }
        }

        Changed?.Invoke();
    }

    public async Task<LeaseAnswer> AllocateAsync(LeaseAsker asker, LeaseRequest request, CancellationToken cancellationToken)
    {
        var id = $"lse_{Interlocked.Increment(ref _revision)}";
        if (Hold is { } hold)
        {
            request.OnWaiting?.Invoke(id);
            Waiting.Release();
            try
            {
                await hold.Task.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                GivenUp.Release();
                throw;
            }
        }

        lock (_gate)
        {
            var holdings = new List<LeaseHolding>();
            foreach (var demand in request.Demands)
            {
                if (!_kinds.ContainsKey(demand.Kind)) return new LeaseError(422, "unknown_kind", $"There is no kind '{demand.Kind}'.");
                var free = _resources.Values.Where(one => one.Value.Kind == demand.Kind && one.Value.State == ResourceState.Free).Take(demand.Count).ToList();
                if (free.Count < demand.Count) return new LeaseError(504, "wait_expired", $"The wait ended: no '{demand.Kind}' was free.");
                foreach (var one in free) holdings.Add(new LeaseHolding(one.Value.Id, demand.Kind, demand.AskedAs ?? demand.Kind, demand.Config));
            }

            foreach (var holding in holdings) Set(holding.Resource, ResourceState.Leased, id);
            var lease = new LeaseRecord
            {
                Id = id, Tenant = asker.Tenant, KeyId = asker.KeyId, WorkerId = request.WorkerId, State = LeaseState.Ready, Priority = request.Priority, Ttl = request.Ttl,
                Demands = request.Demands, Holdings = holdings, AskedAt = DateTimeOffset.UnixEpoch, EndsAt = DateTimeOffset.UnixEpoch + request.Ttl,
            };
            return new LeaseAnswer(_leases[id] = new(lease, ++_revision), null);
        }
    }

    public Task AbandonAsync(string leaseId, long fence)
    {
        Abandoned.Enqueue(leaseId);
        return Task.CompletedTask;
    }

    public Task<LeaseAnswer> RenewAsync(LeaseAsker asker, string id, long? fence, TimeSpan? ttl, CancellationToken cancellationToken)
    {
        Renewals.Enqueue((id, fence, ttl));
        var lease = Find(asker, id)!;
        return Task.FromResult<LeaseAnswer>(fence is { } given && given != lease.Value.FenceOf(lease.Version)
            ? new LeaseError(412, "fence_stale", "The fence is an old one.")
            : new LeaseAnswer(lease, null));
    }

    public Task<LeaseError?> ReleaseAsync(LeaseAsker asker, string id, long? fence, IReadOnlyList<string>? resources, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!_leases.TryGetValue(id, out var lease)) return Task.FromResult<LeaseError?>(null);
            var gone = lease.Value.Holdings.Where(one => resources?.Contains(one.Resource) ?? true).ToList();
            foreach (var one in gone) Set(one.Resource, ResourceState.Free, null);
            var rest = lease.Value.Holdings.Except(gone).ToList();
            _leases[id] = lease with { Value = rest.Count == 0 ? lease.Value with { State = LeaseState.Released } : lease.Value with { Holdings = rest, Returned = [.. lease.Value.Returned, .. gone.Select(one => one.Resource)] } };
        }

        return Task.FromResult<LeaseError?>(null);
    }

    public Task<LeaseAnswer> ConfigureAsync(LeaseAsker asker, string id, IReadOnlyDictionary<string, JsonElement?> configs, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            var lease = _leases[id];
            var holdings = lease.Value.Holdings.Select(one => !configs.TryGetValue(one.Resource, out var config) ? one
                : Refuse(config) is { } fault ? one with { Fault = fault } : one with { Config = config, Fault = null }).ToList();
            return Task.FromResult(new LeaseAnswer(_leases[id] = lease with { Value = lease.Value with { Holdings = holdings } }, null));
        }
    }

    public Task<LeaseObservations> ObserveAsync(LeaseAsker asker, string id, CancellationToken cancellationToken)
    {
        var seen = new Dictionary<string, KindResult<Observation?>>();
        foreach (var one in Lease(id)!.Value.Holdings)
        {
            if (one.Kind == "vm") seen[one.Resource] = KindResult.Of<Observation?>(new Observation { Screenshot = new byte[] { 1, 2, 3 }, Text = "a desktop" });
        }

        return Task.FromResult(new LeaseObservations(seen, null));
    }

    public Task<KindReply> UseAsync(LeaseAsker asker, string leaseId, string resourceId, KindCall call, CancellationToken cancellationToken)
    {
        Uses.Enqueue(call);
        return Task.FromResult(call.Verb switch
        {
            "screenshot" => KindReply.Png(new byte[] { 1, 2, 3 }),
            "query" => new KindReply { Body = JsonSerializer.SerializeToUtf8Bytes(new { resource = resourceId, body = call.Body }) },
            _ => KindReply.Failed(new LeaseError(422, "initialisation_failed", "It did not work.")),
        });
    }

    public Stored<LeaseRecord>? Find(LeaseAsker asker, string id) => Lease(id) is { } lease && (lease.Value.Tenant == asker.Tenant || asker.IsAdmin) ? lease : null;

    public int? PositionOf(string id) => Interlocked.Decrement(ref _position) is > 0 and var position ? position : 1;

    public Stored<KindRecord>? Kind(string nameOrAlias) => Locked(() => _kinds.GetValueOrDefault(nameOrAlias));

    public Stored<ResourceRecord>? Resource(string id) => Locked(() => _resources.GetValueOrDefault(id));

    public Stored<LeaseRecord>? Lease(string id) => Locked(() => _leases.GetValueOrDefault(id));

    public IReadOnlyList<Stored<ResourceRecord>> Resources(string? kind = null) => Locked(() => _resources.Values.Where(one => kind is null || one.Value.Kind == kind).ToList());

    public IReadOnlyList<Stored<LeaseRecord>> LeasesOf(string tenant, string workerId) =>
        Locked(() => _leases.Values.Where(one => one.Value.Tenant == tenant && one.Value.WorkerId == workerId && !one.Value.HasEnded).ToList());

    public ValueTask<bool> WhenAsync(long revision, TimeSpan within, CancellationToken cancellationToken) => ValueTask.FromResult(true);

    public string AddressOf(string resourceId) => "http://weir/doors/" + resourceId;

    public bool AreShut => false;

    public string TokenOf(string resourceId, string leaseId, long fence) => $"{resourceId}-{leaseId}-{fence}";

    public ValueTask<DoorEntry> EnterAsync(string resourceId, string? token, CancellationToken cancellationToken) => throw new NotSupportedException();

    private T Locked<T>(Func<T> read)
    {
        lock (_gate) return read();
    }

    private void Set(string id, ResourceState state, string? lease) => _resources[id] = new(_resources[id].Value with { State = state, Lease = lease }, ++_revision);
}

/// <summary>A kind whose tools ask, look, and fail.</summary>
internal sealed class FakeKind(string sort) : ResourceKind
{
    public override IReadOnlyList<KindTool> Tools { get; } =
    [
        new($"{sort}_ask", "Asks.", JsonElement.Parse("""{"type":"object","properties":{"query":{"type":"string"},"top_k":{"type":"integer","minimum":1,"maximum":1000}},"required":["query"],"additionalProperties":false}"""), body => new KindCall("query", body)) { IsReadOnly = true },
        new($"{sort}_look", "Looks.", JsonElement.Parse("""{"type":"object","properties":{}}"""), _ => new KindCall("screenshot", null)) { IsReadOnly = true },
        new($"{sort}_fail", "Fails.", JsonElement.Parse("""{"type":"object"}"""), _ => new KindCall("fail", null)),
    ];
}
