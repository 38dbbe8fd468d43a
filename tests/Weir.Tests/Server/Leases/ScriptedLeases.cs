using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep;

namespace Weir.Tests.Server.Leases;

/// <summary>A broker that does what a test says, with the views that belong to it: for what the edge makes of requests and answers.</summary>
internal sealed class ScriptedLeases : ILeaseBroker, IFleetView, IDoors, IKindDesk
{
    private readonly ConcurrentDictionary<string, Stored<LeaseRecord>> _leases = new();
    private int _made;

    public event Action? Changed;

    public ConcurrentQueue<(LeaseAsker Asker, LeaseRequest Request)> Asked { get; } = [];

    public ConcurrentQueue<(string Lease, long Fence)> Abandoned { get; } = [];

    public ConcurrentQueue<(string Lease, long? Fence, IReadOnlyList<string>? Resources)> Released { get; } = [];

    /// <summary>Null: everything is ready at once.</summary>
    public Func<LeaseAsker, LeaseRequest, CancellationToken, Task<LeaseAnswer>>? OnAllocate { get; set; }

    public Func<LeaseError?> OnCall { get; set; } = () => null;

    public Func<string> OnToken { get; set; } = () => "weirdoor_test";

    public KindResult<Observation?> Seen { get; set; } = KindResult.Of<Observation?>(new Observation { Screenshot = new byte[] { 137, 80, 78, 71 }, Text = "here" });

    public bool IsKnown => true;

    public long Revision => 1;

    public IReadOnlyList<Stored<KindRecord>> Kinds { get; } = [];

    public IReadOnlyList<Stored<LeaseRecord>> Leases => [.. _leases.Values];

    public ValueTask MadeAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public RunningServer.Options Options => new() { Customize = Register };

    public void Register(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ILeaseBroker>(this);
        builder.Services.AddSingleton<IFleetView>(this);
        builder.Services.AddSingleton<IDoors>(this);
        builder.Services.AddSingleton<IKindDesk>(this);
    }

    public Stored<LeaseRecord> Make(LeaseAsker asker, LeaseRequest request, LeaseState state = LeaseState.Ready)
    {
        var n = Interlocked.Increment(ref _made);
        var now = DateTimeOffset.UnixEpoch;
        var stored = new Stored<LeaseRecord>(new LeaseRecord
        {
            Id = $"lease_{n:d4}",
            Tenant = asker.Tenant,
            KeyId = asker.KeyId,
            WorkerId = request.WorkerId,
            State = state,
            Priority = request.Priority,
            Ttl = request.Ttl,
            Demands = request.Demands,
            Holdings = state == LeaseState.Waiting ? [] : [.. request.Demands.SelectMany(demand => Enumerable.Range(0, demand.Count).Select(i => new LeaseHolding($"{demand.Kind}.{i}", demand.Kind, demand.Kind, demand.Config)))],
            Labels = request.Labels,
            AskedAt = now,
            EndsAt = now + request.Ttl,
            Fence = state == LeaseState.Waiting ? null : 40 + n,
        }, 100 + n);
        _leases[stored.Value.Id] = stored;
        return stored;
    }

    public void Move(string id, LeaseState state)
    {
        _leases[id] = _leases[id] with { Value = _leases[id].Value with { State = state } };
        Changed?.Invoke();
    }

    public Task<LeaseAnswer> AllocateAsync(LeaseAsker asker, LeaseRequest request, CancellationToken cancellationToken)
    {
        Asked.Enqueue((asker, request));
        return OnAllocate?.Invoke(asker, request, cancellationToken) ?? Task.FromResult(new LeaseAnswer(Make(asker, request), null));
    }

    public Task AbandonAsync(string leaseId, long fence)
    {
        Abandoned.Enqueue((leaseId, fence));
        return Task.CompletedTask;
    }

    public Task<LeaseAnswer> RenewAsync(LeaseAsker asker, string id, long? fence, TimeSpan? ttl, CancellationToken cancellationToken) =>
        Task.FromResult(OnCall() is { } error ? error : new LeaseAnswer(Find(asker, id), null));

    public Task<LeaseError?> ReleaseAsync(LeaseAsker asker, string id, long? fence, IReadOnlyList<string>? resources, CancellationToken cancellationToken)
    {
        Released.Enqueue((id, fence, resources));
        return Task.FromResult(OnCall());
    }

    public Task<LeaseAnswer> ConfigureAsync(LeaseAsker asker, string id, IReadOnlyDictionary<string, JsonElement?> configs, CancellationToken cancellationToken) =>
        Task.FromResult(new LeaseAnswer(Find(asker, id), null));

    public Task<LeaseObservations> ObserveAsync(LeaseAsker asker, string id, CancellationToken cancellationToken) =>
        Task.FromResult(new LeaseObservations(Find(asker, id)!.Value.Holdings.ToDictionary(holding => holding.Resource, _ => Seen), OnCall()));

    public Task<KindReply> UseAsync(LeaseAsker asker, string leaseId, string resourceId, KindCall call, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Stored<LeaseRecord>? Find(LeaseAsker asker, string id) => _leases.TryGetValue(id, out var lease) && (asker.IsAdmin || lease.Value.Tenant == asker.Tenant) ? lease : null;

    public int? PositionOf(string id) => 3;

    public Stored<KindRecord>? Kind(string nameOrAlias) => null;

    public Stored<ResourceRecord>? Resource(string id) => null;

    public Stored<LeaseRecord>? Lease(string id) => _leases.GetValueOrDefault(id);

    public IReadOnlyList<Stored<ResourceRecord>> Resources(string? kind = null) => [];

    public IReadOnlyList<Stored<LeaseRecord>> LeasesOf(string tenant, string workerId) => [.. Leases.Where(lease => lease.Value.Tenant == tenant && lease.Value.WorkerId == workerId)];

    public ValueTask<bool> WhenAsync(long revision, TimeSpan within, CancellationToken cancellationToken) => ValueTask.FromResult(true);

    public string AddressOf(string resourceId) => $"http://127.0.0.1:7800/doors/{resourceId}";

    public bool AreShut => false;

    public string TokenOf(string resourceId, string leaseId, long fence) => OnToken();

    public ValueTask<DoorEntry> EnterAsync(string resourceId, string? token, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<KindAnswer> PutAsync(string name, KindOptions options, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<LeaseError?> DeleteAsync(string name, CancellationToken cancellationToken) => Task.FromResult(OnCall());

    public Task<LeaseError?> QuarantineAsync(string resourceId, string? reason, CancellationToken cancellationToken) => Task.FromResult(OnCall());

    public Task<LeaseError?> RestoreAsync(string resourceId, CancellationToken cancellationToken) => Task.FromResult(OnCall());

    public IReadOnlyList<KindStatus> Status() => [];

    public LeaseError? Unable(string kind) => null;
}
