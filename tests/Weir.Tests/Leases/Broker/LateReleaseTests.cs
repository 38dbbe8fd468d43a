using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.Tests.Inference.Limits;

namespace Weir.Tests.Leases.Broker;

/// <summary>What is given back after its time in store time was up: nobody ends what is over here but who gives it back.</summary>
public sealed class LateReleaseTests : IAsyncLifetime
{
    private readonly BrokerFleet _fleet = new();
    private SharedStore _way = null!;
    private LeaseReplica _replica = null!;

    private ILeaseBroker Broker => _replica.Broker;

    public async ValueTask InitializeAsync()
    {
        _way = new SharedStore(_fleet.Store);
        await _fleet.DefineAsync("slot", new KindOptions { Capacity = 2 });
        _replica = await _fleet.StartAsync("a", _way);
        await _replica.StopAsync<LeaseExpiry>();
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Release_AfterTheEnd_IsNoErrorAndIsRecordedAsExpired(bool isPartial)
    {
        var lease = await GotAsync(2);
        _fleet.Time.Advance(TimeSpan.FromSeconds(2));
        (await Broker.RenewAsync(LeaseReplica.Asker, lease.Value.Id, lease.Version, null, default)).Error!.Code.ShouldBe("lease_ended");

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
        _fleet.Time.Advance(TimeSpan.FromSeconds(1));
        var landed = 0;
        _way.OnCommit = commit =>
        {
            if (commit.Partition == LeaseReplica.Partition && Interlocked.Exchange(ref landed, 1) == 0)
                _fleet.Time.Advance(TimeSpan.FromSeconds(2));
        };

        (await ReleaseAsync(lease, isPartial ? ["slot.0"] : null)).ShouldBeNull();

        landed.ShouldBe(1);
        await ShouldBeExpiredAsync(lease);
    }

    [Fact]
    public async Task Release_BeforeTheEnd_IsARelease()
    {
        var lease = await GotAsync(2);
        _fleet.Time.Advance(TimeSpan.FromSeconds(2) - TimeSpan.FromMilliseconds(1));

        (await ReleaseAsync(lease, ["slot.0"])).ShouldBeNull();
        (await ReleaseAsync(lease, null)).ShouldBeNull();

        (await RecordAsync(lease)).State.ShouldBe(LeaseState.Released);
    }

    [Fact]
    public async Task Abandon_AfterTheEnd_IsRecordedAsExpired()
    {
        var lease = await GotAsync(1);
        _fleet.Time.Advance(TimeSpan.FromSeconds(2));

        await Broker.AbandonAsync(lease.Value.Id, lease.Version);

        await ShouldBeExpiredAsync(lease);
    }

    [Fact]
    public async Task Release_OfAWaiterWhoseWaitIsOver_IsAnExpiredWait()
    {
        await _replica.GotAsync(("slot", 2));
        var waiting = (await _replica.AskAsync(LeaseReplica.Request(("slot", 1)) with { Wait = TimeSpan.FromSeconds(5), Asynchronous = true })).Lease!;
        _fleet.Time.Advance(TimeSpan.FromSeconds(5));

        (await ReleaseAsync(waiting, null)).ShouldBeNull();

        var record = await RecordAsync(waiting);
        (record.State, record.FailureCode, record.Reason).ShouldBe((LeaseState.Failed, "wait_expired", "Not all of it was free within 5 s."));
    }

    private Task<Stored<LeaseRecord>> GotAsync(int count) => _replica.GotAsync(LeaseReplica.Request(("slot", count)) with { Ttl = TimeSpan.FromSeconds(2) });

    private Task<Weir.Leases.LeaseError?> ReleaseAsync(Stored<LeaseRecord> lease, IReadOnlyList<string>? resources) =>
        Broker.ReleaseAsync(LeaseReplica.Asker, lease.Value.Id, fence: null, resources, default).WaitAsync(TimeSpan.FromSeconds(30));

    private async Task<LeaseRecord> RecordAsync(Stored<LeaseRecord> lease) => (await _fleet.StateAsync()).Leases[lease.Value.Id].Value;

    private async Task ShouldBeExpiredAsync(Stored<LeaseRecord> lease)
    {
        var state = await _fleet.StateAsync();
        var record = state.Leases[lease.Value.Id].Value;
        (record.State, record.Reason).ShouldBe((LeaseState.Expired, "It was not renewed in time."));
        state.Resources.Values.ShouldAllBe(resource => resource.Value.State == ResourceState.Free);
        state.ShouldHold();
    }
}
