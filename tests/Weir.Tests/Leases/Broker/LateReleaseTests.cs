using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>What is given back after its time in store time was up: nobody ends what is over here but who gives it back.</summary>
public sealed class LateReleaseTests : IAsyncLifetime
{
    private static readonly LeaseAsker Asker = new("t", "k", IsAdmin: false);

    private readonly ManualTimeProvider _time = new();
    private MemoryStateStore _store = null!;
    private SharedStore _way = null!;
    private LeaseReplica _replica = null!;

    private ILeaseBroker Broker => _replica.Broker;

    public async ValueTask InitializeAsync()
    {
        _store = new MemoryStateStore(new StateOptions(), _time);
        _way = new SharedStore(_store);
        await LeaseReplica.DefineAsync(_store, "slot", new KindOptions { Capacity = 2 });
        _replica = await LeaseReplica.StartAsync(_way, _time);
        await _replica.StopAsync<LeaseExpiry>();
    }

    public async ValueTask DisposeAsync()
    {
        await _replica.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Release_AfterTheEnd_IsNoErrorAndIsRecordedAsExpired(bool isPartial)
    {
        var lease = await GotAsync(2);
        _time.Advance(TimeSpan.FromSeconds(2));
        (await Broker.RenewAsync(Asker, lease.Value.Id, lease.Version, null, default)).Error!.Code.ShouldBe("lease_ended");

        (await ReleaseAsync(lease, isPartial ? ["slot.0"] : null)).ShouldBeNull();

        await ShouldBeExpiredAsync(lease);
        (await ReleaseAsync(lease, isPartial ? ["slot.1"] : null)).ShouldBeNull();
        await ShouldBeExpiredAsync(lease);
        _replica.Metrics.Of("slot").ShouldBe((2, 2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Release_SentInTimeThatLandsAfterTheEnd_IsRecordedAsExpired(bool isPartial)
    {
        var lease = await GotAsync(2);
        _time.Advance(TimeSpan.FromSeconds(1));
        var landed = 0;
        _way.OnCommit = commit =>
        {
            if (commit.Partition == LeaseReplica.Partition && Interlocked.Exchange(ref landed, 1) == 0)
                _time.Advance(TimeSpan.FromSeconds(2));
        };

        (await ReleaseAsync(lease, isPartial ? ["slot.0"] : null)).ShouldBeNull();

        landed.ShouldBe(1);
        await ShouldBeExpiredAsync(lease);
    }

    [Fact]
    public async Task Release_BeforeTheEnd_IsARelease()
    {
        var lease = await GotAsync(2);
        _time.Advance(TimeSpan.FromSeconds(2) - TimeSpan.FromMilliseconds(1));

        (await ReleaseAsync(lease, ["slot.0"])).ShouldBeNull();
        (await ReleaseAsync(lease, null)).ShouldBeNull();

        (await RecordAsync(lease)).State.ShouldBe(LeaseState.Released);
    }

    [Fact]
    public async Task Abandon_AfterTheEnd_IsRecordedAsExpired()
    {
        var lease = await GotAsync(1);
        _time.Advance(TimeSpan.FromSeconds(2));

        await Broker.AbandonAsync(lease.Value.Id, lease.Version);

        await ShouldBeExpiredAsync(lease);
    }

    [Fact]
    public async Task Release_OfAWaiterWhoseWaitIsOver_IsAnExpiredWait()
    {
        await GotAsync(2, TimeSpan.FromHours(1));
        var waiting = (await Broker.AllocateAsync(Asker, Request(1) with { Wait = TimeSpan.FromSeconds(5), Asynchronous = true }, default)).Lease!;
        _time.Advance(TimeSpan.FromSeconds(5));

        (await ReleaseAsync(waiting, null)).ShouldBeNull();

        var record = await RecordAsync(waiting);
        (record.State, record.FailureCode, record.Reason).ShouldBe((LeaseState.Failed, "wait_expired", "Not all of it was free within 5 s."));
    }

    private static LeaseRequest Request(int count) => new() { WorkerId = "w", Demands = [new LeaseDemand("slot", count, null)], Ttl = TimeSpan.FromSeconds(2) };

    private async Task<Stored<LeaseRecord>> GotAsync(int count, TimeSpan? ttl = null)
    {
        var answer = await Broker.AllocateAsync(Asker, Request(count) with { Ttl = ttl ?? TimeSpan.FromSeconds(2) }, default).WaitAsync(TimeSpan.FromSeconds(30));
        answer.Error?.Message.ShouldBeNull();
        return answer.Lease!;
    }

    private Task<Weir.Leases.LeaseError?> ReleaseAsync(Stored<LeaseRecord> lease, IReadOnlyList<string>? resources) =>
        Broker.ReleaseAsync(Asker, lease.Value.Id, fence: null, resources, default).WaitAsync(TimeSpan.FromSeconds(30));

    private async Task<LeaseRecord> RecordAsync(Stored<LeaseRecord> lease) => (await LeaseReplica.ReadAsync(_store)).Leases[lease.Value.Id].Value;

    private async Task ShouldBeExpiredAsync(Stored<LeaseRecord> lease)
    {
        var state = await LeaseReplica.ReadAsync(_store);
        var record = state.Leases[lease.Value.Id].Value;
        (record.State, record.Reason).ShouldBe((LeaseState.Expired, "It was not renewed in time."));
        state.Resources.Values.ShouldAllBe(resource => resource.Value.State == ResourceState.Free);
        state.ShouldHold();
    }
}
