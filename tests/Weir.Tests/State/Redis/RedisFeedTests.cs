using System.Globalization;
using Weir.State;
using Weir.State.Expiry;
using Weir.Tests.Support;
using static Weir.Tests.State.Bodies;

namespace Weir.Tests.State.Redis;

public sealed class RedisFeedTests : IAsyncLifetime
{
    private RedisServer _server = null!;
    private IStateStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RedisServer.StartAsync();
        _store = await OpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
            await _store.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Watch_TwoReplicas_SeeEachOthersCommitsInOneOrder()
    {
        await using var other = await OpenAsync();
        await using var here = new WatchReader(_store, "p", "");
        await using var there = new WatchReader(other, "p", "");
        await here.NextAsync();
        await there.NextAsync();

        var expected = new List<long>();
        for (var i = 0; i < 20; i++)
            expected.Add(await (i % 2 == 0 ? _store : other).CommitAsync("p", Put($"k{i}", 0, "1")));

        foreach (var revision in expected)
        {
            (await here.NextAsync()).ShouldBeOfType<Feed.Changes>().Revision.ShouldBe(revision);
            (await there.NextAsync()).ShouldBeOfType<Feed.Changes>().Revision.ShouldBe(revision);
        }
    }

    [Fact]
    public async Task Watch_AfterPollsThatWereGivenUp_IsWokenByACommitAlone()
    {
        var poll = TimeSpan.FromMilliseconds(500);
        var time = new ManualTimeProvider();
        await using var polling = await OpenAsync(time);
        await using var watch = new WatchReader(polling, "p", "");
        await watch.NextAsync();
        // Whoever is not subscribed yet is not woken.
        await Eventually.TrueAsync(async () => (await _server.SayAsync("PUBSUB", "NUMSUB", "weir:{p}:w")).Contains(":1", StringComparison.Ordinal));

        for (var i = 0; i < 5; i++)
        {
            var next = watch.NextAsync();
            for (var polls = 0; polls < 3; polls++)
            {
                await Eventually.TrueAsync(() => time.NextTimer == poll);
                time.Advance(poll);
            }

            // From here on time stands: no poll comes, and a read that one of the polls had left behind would take the wake.
            await Eventually.TrueAsync(() => time.NextTimer == poll);
            var revision = await _store.CommitAsync("p", Put($"k{i}", 0, "1"));
            (await next).ShouldBeOfType<Feed.Changes>().Revision.ShouldBe(revision);
        }

        time.Elapsed.ShouldBe(poll * 15);
    }

    [Fact]
    public async Task Watch_BehindTheTrimmedStream_StartsFromANewSnapshot()
    {
        await using var watch = new WatchReader(_store, "p", "");
        var mirror = new FeedMirror();
        mirror.Apply(await watch.NextAsync());
        for (var i = 0; i < 50; i++)
            await _store.CommitAsync("p", Put($"k{i}", 0, "1"));
        await _server.SayAsync("XTRIM", "weir:{p}:s", "MAXLEN", "5");

        while (mirror.Documents.Count < 50)
            mirror.Apply(await watch.NextAsync());

        mirror.Snapshots.ShouldBe(2);
        var last = await _store.CommitAsync("p", Put("end", 0, "1"));
        mirror.Apply(await watch.NextAsync());
        mirror.Revision.ShouldBe(last);
    }

    [Fact]
    public async Task Stream_PastItsBound_IsTrimmedAndReadersCatchUp()
    {
        for (var i = 0; i < 40; i++)
            await _store.CommitAsync("p", [.. Enumerable.Range(0, 4).Select(k => new Write($"k{i}/{k}", 0, new byte[1 << 19]))]);

        var length = (await _server.SayAsync("XLEN", "weir:{p}:s")).Trim().TrimStart(':');
        int.Parse(length, CultureInfo.InvariantCulture).ShouldBeInRange(1, 33);
        await using var watch = new WatchReader(_store, "p", "k39/");
        (await watch.NextAsync()).ShouldBeOfType<Feed.Snapshot>().Documents.Count.ShouldBe(4);
    }

    [Fact]
    public async Task Store_RestoredFromAnOlderCopy_IsSeenByWatchersAndGoesOnAbove()
    {
        await using var watch = new WatchReader(_store, "p", "");
        var mirror = new FeedMirror();
        mirror.Apply(await watch.NextAsync());
        var old = await _store.CommitAsync("p", Put("a", 0, "old"));
        await _server.KillAsync();
        CopyFolder(Path.Combine(_server.Folder, "appendonlydir"), Path.Combine(_server.Folder, "copy"));
        await _server.StartAsync();
        var last = await SureAsync(Of("p", Put("a", old, "new"), Put("b", 0, "new")));
        while (mirror.Revision < last)
            mirror.Apply(await watch.NextAsync());

        await _server.KillAsync();
        Directory.Delete(Path.Combine(_server.Folder, "appendonlydir"), recursive: true);
        CopyFolder(Path.Combine(_server.Folder, "copy"), Path.Combine(_server.Folder, "appendonlydir"));
        await _server.StartAsync();

        var snapshot = (await watch.NextAsync()).ShouldBeOfType<Feed.Snapshot>();
        snapshot.Documents.ShouldHaveSingleItem().Text().ShouldBe("old");
        snapshot.Revision.ShouldBeGreaterThan(last);
        snapshot.HasForgotten(last).ShouldBeTrue();
        (await _store.CommitAsync(Of("p", Put("a", last, "by an old hand")))).ShouldBeOfType<CommitOutcome.Lost>();
        var next = await SureAsync(Of("p", Put("a", old, "again")));
        next.ShouldBeGreaterThan(last);
        (await watch.NextAsync()).ShouldBeOfType<Feed.Changes>().Revision.ShouldBe(next);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Store_ThatComesBackEmpty_SaysThatItHasForgotten(bool strangerIsFirst)
    {
        await using var watch = new WatchReader(_store, "p", "");
        (await watch.NextAsync()).ShouldBeOfType<Feed.Snapshot>().HasForgotten(0).ShouldBeFalse();
        var last = await _store.CommitAsync("p", Put("a", 0, "1"));
        await watch.NextAsync();
        await using (var later = new WatchReader(_store, "p", ""))
            (await later.NextAsync()).ShouldBeOfType<Feed.Snapshot>().HasForgotten(last).ShouldBeFalse("nobody had read less");

        await _server.SayAsync("FLUSHALL");
        if (strangerIsFirst)
        {
            // It has seen nothing of what was, and so cannot tell that anything is missing.
            await using var stranger = await OpenAsync();
            await stranger.CommitAsync("p", Put("b", 0, "1"));
        }

        var snapshot = (await watch.NextAsync()).ShouldBeOfType<Feed.Snapshot>();
        if (snapshot.Documents.Count == 0 && strangerIsFirst)
            snapshot = snapshot with { Documents = [(await watch.NextAsync()).ShouldBeOfType<Feed.Changes>().Items.Single().Document!] };
        snapshot.Documents.Select(document => document.Key).ShouldBe(strangerIsFirst ? ["b"] : []);
        snapshot.HasForgotten(last).ShouldBeTrue();
        var next = await SureAsync(Of("p", Put("c", 0, "1")));
        (await watch.NextAsync()).ShouldBeOfType<Feed.Changes>().Revision.ShouldBe(next);
        await using var again = new WatchReader(_store, "p", "");
        (await again.NextAsync()).ShouldBeOfType<Feed.Snapshot>().HasForgotten(snapshot.Revision).ShouldBeFalse();
    }

    [Fact]
    public async Task Store_BehindARevisionSeen_IsAdvancedWellPastItByCommitAndByWatch()
    {
        var far = ((await _store.Clock.ReadAsync() + TimeSpan.FromDays(1)).UtcTicks - DateTime.UnixEpoch.Ticks) / 10;
        foreach (var partition in new[] { "p", "q" })
        {
            await _store.CommitAsync(partition, Put("a", 0, "1"));
            await _server.SayAsync("HSET", $"weir:{{{partition}}}:m", "rev", far.ToString(CultureInfo.InvariantCulture));
            (await _store.CommitAsync(partition, Put("b", 0, "1"))).ShouldBe(far + 1);
            await _server.SayAsync("HSET", $"weir:{{{partition}}}:m", "rev", "5");
        }

        (await _store.CommitAsync("p", Put("c", 0, "1"))).ShouldBeGreaterThan(far + 1_000_000);
        await using var watch = new WatchReader(_store, "q", "");
        (await watch.NextAsync()).Revision.ShouldBeGreaterThan(far + 1_000_000);
    }

    [Fact]
    public async Task Replica_WithAClockAnHourOff_ReapsNothingEarlyAndTellsStoreTime()
    {
        await using var fast = await OpenAsync(new SkewedTimeProvider(TimeSpan.FromHours(1)));
        await using var slow = await OpenAsync(new SkewedTimeProvider(TimeSpan.FromHours(-1)));
        var now = await _store.Clock.ReadAsync();
        foreach (var replica in new[] { fast, slow })
            (await replica.Clock.ReadAsync()).ShouldBe(now, TimeSpan.FromMinutes(1));

        await slow.CommitAsync("p", Put("soon", 0, "1", slow.Clock.Now + TimeSpan.FromMinutes(20)), Put("past", 0, "1", slow.Clock.Now - TimeSpan.FromSeconds(1)));
        (await ExpiryDuty.RunAsync(fast, default)).ShouldBe(1);

        (await _store.ListAsync("p", "")).Select(d => d.Key).ShouldBe(["soon"]);
        (await fast.CommitAsync(Of("p", Put("a", 0, "1")) with { NotAfter = fast.Clock.Now + TimeSpan.FromMinutes(1) })).ShouldBeOfType<CommitOutcome.Committed>();
    }

    private ValueTask<IStateStore> OpenAsync(TimeProvider? time = null) => StateStores.OpenAsync(new StateOptions { Store = _server.Url }, time);

    private async Task<long> SureAsync(Commit commit)
    {
        var outcome = await _store.CommitAsync(commit);
        while (outcome is CommitOutcome.Unknown)
            outcome = await _store.SettleAsync(commit);
        return outcome.ShouldBeOfType<CommitOutcome.Committed>().Revision;
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }

    private sealed class SkewedTimeProvider(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
