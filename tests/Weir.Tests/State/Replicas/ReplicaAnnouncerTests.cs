using Microsoft.Extensions.Logging.Abstractions;
using Weir.State;
using Weir.State.Memory;
using Weir.State.Replicas;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.State.Replicas;

public sealed class ReplicaAnnouncerTests : IAsyncDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly MemoryStateStore _store;
    private readonly List<Replica> _replicas = [];

    public ReplicaAnnouncerTests() => _store = new MemoryStateStore(new StateOptions(), _time);

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            await replica.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Start_StoreOfOneProcess_IsAloneAndWritesNothing()
    {
        var view = new ReplicaView("a");
        using var announcer = new ReplicaAnnouncer(_store, view, _time, NullLogger<ReplicaAnnouncer>.Instance);
        await announcer.StartAsync(CancellationToken.None);

        (view.Current.Count, view.Current.IsSettled).ShouldBe((1, true));
        (await _store.ListAsync("replicas", "")).ShouldBeEmpty();
        await announcer.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Start_Several_KnowEachOtherAndSettleAfterAMinute()
    {
        var replicas = await StartAsync(3);
        await UntilAsync(() => replicas.All(replica => replica.View.Current.Count == 3));

        replicas.ShouldAllBe(replica => !replica.View.Current.IsSettled);
        var began = _time.Elapsed;
        await UntilAsync(() => replicas.All(replica => replica.View.Current.IsSettled));
        (_time.Elapsed - began).ShouldBeGreaterThan(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Kill_OneOfThree_CountsUntilItsTimeIsUpAndAsRecentForAMinuteMore()
    {
        var replicas = await StartAsync(3);
        await UntilAsync(() => replicas.All(replica => replica.View.Current.Count == 3));
        await PassAsync(TimeSpan.FromSeconds(20));
        replicas[2].Store.IsAway = true;

        await PassAsync(TimeSpan.FromSeconds(8));
        replicas[0].View.Current.Count.ShouldBe(3);
        await UntilAsync(() => replicas[0].View.Current.Count == 2);
        replicas[0].View.Current.Recent.ShouldBe(3);
        var gone = _time.Elapsed;
        await UntilAsync(() => replicas[0].View.Current.Recent == 2);
        (_time.Elapsed - gone).ShouldBeGreaterThan(TimeSpan.FromSeconds(55));
        // Whoever is cut off judges nobody.
        replicas[2].View.Current.Count.ShouldBe(3);
    }

    [Fact]
    public async Task StoreAwayForMinutes_AndBack_NobodyIsJudgedDead()
    {
        var replicas = await StartAsync(3);
        await UntilAsync(() => replicas.All(replica => replica.View.Current.Count == 3));
        await PassAsync(TimeSpan.FromSeconds(20));
        var least = 3;
        foreach (var replica in replicas)
            replica.View.Changed += () => least = Math.Min(least, replica.View.Current.Count);

        foreach (var replica in replicas)
            replica.Store.IsAway = true;
        await PassAsync(TimeSpan.FromMinutes(3));
        // The first who is back deletes what has expired meanwhile.
        foreach (var document in await _store.ListAsync("replicas", ""))
            await _store.CommitAsync(new Commit("replicas") { Writes = [new Write(document.Key, document.Version, null)] });
        foreach (var replica in replicas)
            replica.Store.IsAway = false;
        await PassAsync(TimeSpan.FromSeconds(60));

        least.ShouldBe(3);
        replicas.ShouldAllBe(replica => replica.View.Current.Count == 3);
    }

    [Fact]
    public async Task Stop_OneOfTwo_TakesItsAnnouncementBackAndStillCountsForAWhile()
    {
        var replicas = await StartAsync(2);
        await UntilAsync(() => replicas.All(replica => replica.View.Current.Count == 2));
        await replicas[1].StopAsync();

        (await _store.ListAsync("replicas", "")).Count.ShouldBe(1);
        replicas[0].View.Current.Count.ShouldBe(2);
        await UntilAsync(() => replicas[0].View.Current.Count == 1);
    }

    [Fact]
    public async Task Announce_WithAPlace_IsFoundByItsHomeUntilItIsGone()
    {
        var home = new Replica("r0", new SharedStore(_store), _time, new Place("alpha", new Uri("http://10.0.0.1:7800/")));
        var silent = new Replica("r1", new SharedStore(_store), _time);
        _replicas.AddRange([home, silent]);
        await home.StartAsync();
        await silent.StartAsync();
        await UntilAsync(() => silent.View.Current.Homes.ContainsKey("alpha"));

        silent.View.Current.Homes["alpha"].ShouldBe(new Uri("http://10.0.0.1:7800/"));
        home.View.Current.Homes.ShouldBeEmpty();

        // Killed and started again at another address: both announcements stand, and the later one tells.
        home.Store.IsAway = true;
        var again = new Replica("r2", new SharedStore(_store), _time, new Place("alpha", new Uri("http://10.0.0.1:7801/")));
        _replicas.Add(again);
        await again.StartAsync();
        await UntilAsync(() => silent.View.Current.Homes.GetValueOrDefault("alpha")?.Port == 7801);

        await again.StopAsync();
        await UntilAsync(() => silent.View.Current.Homes.Count == 0);
    }

    private async Task<Replica[]> StartAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var replica = new Replica($"r{i}", new SharedStore(_store), _time);
            _replicas.Add(replica);
            await replica.StartAsync();
        }

        return [.. _replicas];
    }

    private async Task PassAsync(TimeSpan span)
    {
        for (var end = _time.Elapsed + span; _time.Elapsed < end;)
        {
            _time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.Delay(1);
        }
    }

    private async Task UntilAsync(Func<bool> isSo)
    {
        for (var i = 0; i < 600 && !isSo(); i++)
            await PassAsync(TimeSpan.FromMilliseconds(500));
        isSo().ShouldBeTrue();
    }

    private sealed record Place(string Home, Uri? Url) : IReplicaPlace;

    private sealed class Replica(string id, SharedStore store, ManualTimeProvider time, IReplicaPlace? place = null) : IAsyncDisposable
    {
        private readonly ReplicaView _view = new(id);
        private ReplicaAnnouncer? _announcer;

        public SharedStore Store => store;

        public ReplicaView View => _view;

        public Task StartAsync()
        {
            _announcer = new ReplicaAnnouncer(store, _view, time, NullLogger<ReplicaAnnouncer>.Instance, place);
            return _announcer.StartAsync(CancellationToken.None);
        }

        public Task StopAsync() => _announcer!.StopAsync(CancellationToken.None);

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _announcer!.Dispose();
        }
    }
}
