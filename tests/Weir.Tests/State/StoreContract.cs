using System.Text;
using Weir.State;
using Weir.State.Expiry;
using static Weir.Tests.State.Bodies;

namespace Weir.Tests.State;

/// <summary>What every store must do, whatever stands behind it.</summary>
public abstract class StoreContract : IAsyncLifetime
{
    protected IStateStore Store { get; private set; } = null!;

    /// <summary>A second replica's view of the same store; the same object where only one process may hold it.</summary>
    protected virtual ValueTask<IStateStore> OpenReplicaAsync() => new(Store);

    protected abstract ValueTask<IStateStore> OpenAsync();

    public virtual async ValueTask InitializeAsync() => Store = await OpenAsync();

    public virtual async ValueTask DisposeAsync()
    {
        if (Store is not null)
            await Store.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected async Task ReopenAsync(Func<Task>? between = null)
    {
        await Store.DisposeAsync();
        if (between is not null)
            await between();
        Store = await OpenAsync();
    }

    [Fact]
    public async Task Commit_NewDocument_IsReadWithItsRevisionAsVersion()
    {
        var revision = await Store.CommitAsync("p", Put("a", 0, """{"n":1}"""));

        var document = await Store.ReadAsync("p", "a");

        document.ShouldNotBeNull();
        document.Version.ShouldBe(revision);
        document.Text().ShouldBe("""{"n":1}""");
        document.ExpiresAt.ShouldBeNull();
        (await Store.ReadAsync("p", "b")).ShouldBeNull();
        (await Store.ReadAsync("q", "a")).ShouldBeNull();
    }

    [Fact]
    public async Task Revision_IsThatOfThePartitionsLastCommitAlsoOfADelete()
    {
        (await Store.RevisionAsync("p")).ShouldBe(0);
        var first = await Store.CommitAsync("p", Put("a", 0, "1"));
        await Store.CommitAsync("q", Put("a", 0, "1"));
        (await Store.RevisionAsync("p")).ShouldBe(first);

        var last = await Store.CommitAsync("p", Delete("a", first));

        (await Store.RevisionAsync("p")).ShouldBe(last);
    }

    [Fact]
    public async Task Commit_WrongVersions_NamesEachAndWritesNothing()
    {
        var revision = await Store.CommitAsync("p", Put("a", 0, "1"), Put("b", 0, "1"));

        var outcome = await Store.CommitAsync(new Commit("p")
        {
            Writes = [Put("a", revision, "2"), Put("b", revision + 1, "2"), Put("c", 7, "2")],
            Checks = [new Check("a", revision), new Check("d", 3)],
        });

        outcome.ShouldBeOfType<CommitOutcome.Lost>().Keys.ShouldBe(["b", "c", "d"], ignoreOrder: true);
        (await Store.ReadAsync("p", "a"))!.Text().ShouldBe("1");
        (await Store.ReadAsync("p", "c")).ShouldBeNull();
    }

    [Fact]
    public async Task Commit_ChecksThatHold_GuardTheWrite()
    {
        var revision = await Store.CommitAsync("p", Put("a", 0, "1"));

        var outcome = await Store.CommitAsync(new Commit("p")
        {
            Writes = [Put("b", 0, "1")],
            Checks = [new Check("a", revision), new Check("absent", 0)],
        });

        outcome.ShouldBeOfType<CommitOutcome.Committed>().Revision.ShouldBeGreaterThan(revision);
    }

    [Fact]
    public async Task Commit_DeletedAndMadeAgain_RefusesTheOldVersion()
    {
        var first = await Store.CommitAsync("p", Put("a", 0, "1"));
        await Store.CommitAsync("p", Delete("a", first));
        var second = await Store.CommitAsync("p", Put("a", 0, "2"));

        second.ShouldBeGreaterThan(first);
        (await Store.CommitAsync(Of("p", Put("a", first, "late")))).ShouldBeOfType<CommitOutcome.Lost>().Keys.ShouldBe(["a"]);
        (await Store.CommitAsync(Of("p", Delete("a", first)))).ShouldBeOfType<CommitOutcome.Lost>();
        (await Store.ReadAsync("p", "a"))!.Text().ShouldBe("2");
    }

    [Fact]
    public async Task Commit_SameIdTwice_LandsOnceAndAnswersTheSame()
    {
        var commit = Of("p", Put("a", 0, "1"));

        var first = await Store.CommitAsync(commit);
        var again = await Store.CommitAsync(commit);

        again.ShouldBe(first);
    }

    [Fact]
    public async Task Settle_Landed_AnswersItsRevision()
    {
        var commit = Of("p", Put("a", 0, "1"));
        var outcome = await Store.CommitAsync(commit);

        (await Store.SettleAsync(commit)).ShouldBe(outcome);
    }

    [Fact]
    public async Task Settle_NeverArrived_IsLostAndCanNoLongerLand()
    {
        var commit = Of("p", Put("a", 0, "1"));

        (await Store.SettleAsync(commit)).ShouldBeOfType<CommitOutcome.Lost>().Keys.ShouldBeEmpty();
        (await Store.CommitAsync(commit)).ShouldBeOfType<CommitOutcome.Lost>().Keys.ShouldBeEmpty();
        (await Store.ReadAsync("p", "a")).ShouldBeNull();
    }

    [Fact]
    public async Task Commit_AfterNotAfter_IsLostWithNoKeys()
    {
        var now = await Store.Clock.ReadAsync();

        (await Store.CommitAsync(Of("p", Put("a", 0, "1")) with { NotAfter = now - TimeSpan.FromMilliseconds(1) }))
            .ShouldBeOfType<CommitOutcome.Lost>().Keys.ShouldBeEmpty();
        (await Store.CommitAsync(Of("p", Put("a", 0, "1")) with { NotAfter = now + TimeSpan.FromMinutes(1) }))
            .ShouldBeOfType<CommitOutcome.Committed>();
    }

    [Fact]
    public async Task Commit_LargestAllowed_IsReadBackWhole()
    {
        var body = new string('x', (1 << 20) - 2);
        await Store.CommitAsync("p", [.. Enumerable.Range(0, 4).Select(i => Put($"k{i}", 0, $"\"{body}\""))]);
        await Store.CommitAsync("q", [.. Enumerable.Range(0, 512).Select(i => Put($"k{i:000}", 0, "1"))]);

        (await Store.ReadAsync("p", "k3"))!.Body.Length.ShouldBe(1 << 20);
        (await Store.ListAsync("q", "k", null, 1000)).Count.ShouldBe(512);
    }

    [Fact]
    public async Task Commit_OutsideTheBounds_IsRefused()
    {
        var tooLarge = Of("p", new Write("a", 0, new byte[(1 << 20) + 1]));
        var tooMany = Of("p", [.. Enumerable.Range(0, 513).Select(i => Put($"k{i}", 0, "1"))]);
        var tooMuch = Of("p", [.. Enumerable.Range(0, 5).Select(i => new Write($"k{i}", 0, new byte[1 << 20]))]);

        foreach (var commit in new[] { tooLarge, tooMany, tooMuch, Of("", Put("a", 0, "1")), Of("{p}", Put("a", 0, "1")), Of("p", Put("a", 0, "1"), Put("a", 0, "2")) })
            await Should.ThrowAsync<ArgumentException>(async () => await Store.CommitAsync(commit));
        (await Store.ListAsync("p", "")).ShouldBeEmpty();
    }

    [Fact]
    public async Task List_Prefix_IsInByteOrderAndPaged()
    {
        // U+FFFD sorts before a character outside the basic plane by UTF-8, after it by UTF-16.
        string[] keys = ["a", "a/1", "a/2", "a/\uFFFD", "a/\U0001F600", "a0", "b"];
        await Store.CommitAsync("p", [.. keys.Reverse().Select(k => Put(k, 0, "1"))]);

        (await Store.ListAsync("p", "")).Select(d => d.Key).ShouldBe(keys);
        (await Store.ListAsync("p", "a/")).Select(d => d.Key).ShouldBe(keys[1..5]);
        (await Store.ListAsync("p", "a/", null, 2)).Select(d => d.Key).ShouldBe(keys[1..3]);
        (await Store.ListAsync("p", "a/", "a/2", 2)).Select(d => d.Key).ShouldBe(keys[3..5]);
        (await Store.ListAsync("p", "a/", "b")).ShouldBeEmpty();
        (await Store.ListAsync("p", "zz")).ShouldBeEmpty();
        (await Store.ListAsync("none", "")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Watch_FromEmpty_GivesSnapshotThenWholeCommitsInOrder()
    {
        await using var watch = new WatchReader(Store, "p", "a/", "b/");
        (await watch.NextAsync()).ShouldBeOfType<Feed.Snapshot>().Documents.ShouldBeEmpty();

        var first = await Store.CommitAsync("p", Put("a/1", 0, "1"), Put("b/1", 0, "1"), Put("c/1", 0, "1"));
        await Store.CommitAsync("p", Put("c/2", 0, "1"));
        await Store.CommitAsync("other", Put("a/1", 0, "1"));
        var second = await Store.CommitAsync("p", Delete("a/1", first), Put("b/1", first, "2"));

        var one = (await watch.NextAsync()).ShouldBeOfType<Feed.Changes>();
        one.Revision.ShouldBe(first);
        one.Items.Select(c => c.Key).ShouldBe(["a/1", "b/1"]);
        var two = (await watch.NextAsync()).ShouldBeOfType<Feed.Changes>();
        two.Revision.ShouldBe(second);
        two.Items.Select(c => c.Document?.Text()).ShouldBe([null, "2"], ignoreOrder: true);
        two.Items.Single(c => c.Key == "b/1").Document!.Version.ShouldBe(second);
    }

    [Fact]
    public async Task Watch_OverlappingPrefixes_GivesEachDocumentOnce()
    {
        var revision = await Store.CommitAsync("p", Put("a/1", 0, "1"));
        await using var watch = new WatchReader(Store, "p", "a", "a/", "a/1");

        var snapshot = (await watch.NextAsync()).ShouldBeOfType<Feed.Snapshot>();

        snapshot.Documents.ShouldHaveSingleItem().Version.ShouldBe(revision);
        snapshot.Revision.ShouldBe(revision);
    }

    [Fact]
    public async Task Watch_UnderLoad_RebuildsExactlyWhatIsStored()
    {
        const int Writers = 8, Commits = 60;
        await using var watch = new WatchReader(Store, "p", "k");
        var held = new FeedMirror();
        held.Apply(await watch.NextAsync());

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(w => Task.Run(async () =>
        {
            for (var i = 0; i < Commits; i++)
            {
                var pair = await Store.ReadAsync("p", $"k/{w}/0");
                var version = pair?.Version ?? 0;
                // Both halves always change together, so that half a commit would show.
                await Store.CommitAsync("p", Put($"k/{w}/0", version, $"{i}"), Put($"k/{w}/1", version, $"{i}"));
            }
        })));
        var last = await Store.CommitAsync("p", Put("k/end", 0, "1"));
        while (held.Revision < last)
        {
            held.Apply(await watch.NextAsync());
            held.Halves().ShouldAllBe(h => h.Item1 == h.Item2);
        }

        held.Commits.ShouldBe((Writers * Commits) + 1);
        var stored = await Store.ListAsync("p", "k", null, 1000);
        held.Documents.Values.Select(d => (d.Key, d.Version, d.Text())).ShouldBe(stored.Select(d => (d.Key, d.Version, d.Text())), ignoreOrder: true);
    }

    [Fact]
    public async Task Commit_RacingFromManyTasks_LosesNoUpdateAndIsSerialisable()
    {
        const int Accounts = 4, Start = 100;
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        await Store.CommitAsync("bank", [.. Enumerable.Range(0, Accounts).Select(i => Put($"a{i}", 0, $"{Start}"))]);
        var history = new List<Transfer>();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(task => Task.Run(async () =>
        {
            var random = new Random(seed + task);
            for (var done = 0; done < 25;)
            {
                var (from, to) = (random.Next(Accounts), random.Next(Accounts));
                if (from == to)
                    continue;
                var a = (await Store.ReadAsync("bank", $"a{from}"))!;
                var b = (await Store.ReadAsync("bank", $"a{to}"))!;
                var transfer = new Transfer(0, a, b, random.Next(1, 10));
                var outcome = await Store.CommitAsync(Of("bank", Put(a.Key, a.Version, transfer.A), Put(b.Key, b.Version, transfer.B)));
                if (outcome is not CommitOutcome.Committed(var revision))
                    continue;
                done++;
                lock (history)
                    history.Add(transfer with { Revision = revision });
            }
        })));

        // Replayed in the order of their revisions, every commit must have read what the one before it left.
        var model = (await Store.ListAsync("bank", "a")).ToDictionary(d => d.Key, _ => (Value: $"{Start}", Version: 0L));
        foreach (var t in history.OrderBy(t => t.Revision))
        {
            foreach (var (read, value) in new[] { (t.From, t.A), (t.To, t.B) })
            {
                read.Text().ShouldBe(model[read.Key].Value);
                if (model[read.Key].Version != 0)
                    read.Version.ShouldBe(model[read.Key].Version);
                model[read.Key] = (value, t.Revision);
            }
        }

        history.Select(t => t.Revision).Distinct().Count().ShouldBe(200);
        var final = await Store.ListAsync("bank", "a");
        final.Select(d => d.Text()).ShouldBe(final.Select(d => model[d.Key].Value));
        final.Sum(d => int.Parse(d.Text(), null)).ShouldBe(Accounts * Start);
    }

    [Fact]
    public async Task Expiry_ByStoreTime_DeletesThroughTheFeedAndSparesTheRenewed()
    {
        var now = await Store.Clock.ReadAsync();
        var past = now - TimeSpan.FromSeconds(1);
        var revision = await Store.CommitAsync("p", Put("gone", 0, "1", past), Put("kept", 0, "1", now + TimeSpan.FromHours(1)), Put("ever", 0, "1"));
        await using var watch = new WatchReader(Store, "p", "");
        (await watch.NextAsync()).ShouldBeOfType<Feed.Snapshot>().Documents.Count.ShouldBe(3);

        (await ExpiryDuty.RunAsync(Store, default)).ShouldBe(1);
        (await ExpiryDuty.RunAsync(Store, default)).ShouldBe(0);

        var change = (await watch.NextAsync()).ShouldBeOfType<Feed.Changes>();
        change.Items.ShouldHaveSingleItem().ShouldBe(new Change("gone", null));
        change.Revision.ShouldBeGreaterThan(revision);
        (await Store.ListAsync("p", "")).Select(d => d.Key).ShouldBe(["ever", "kept"]);
        var kept = (await Store.ReadAsync("p", "kept"))!;
        kept.ExpiresAt!.Value.ShouldBe(now + TimeSpan.FromHours(1), TimeSpan.FromMilliseconds(1));
    }

    [Fact]
    public async Task Expiry_RenewedBetweenFindingAndDeleting_StaysAndOthersGo()
    {
        var past = await Store.Clock.ReadAsync() - TimeSpan.FromSeconds(1);
        var revision = await Store.CommitAsync("p", Put("a", 0, "1", past), Put("b", 0, "1", past));
        var due = await ((IExpiryIndex)Store).DueAsync(10, default);
        due.Select(d => d.Key).ShouldBe(["a", "b"], ignoreOrder: true);

        await Store.CommitAsync("p", Put("a", revision, "2", past + TimeSpan.FromHours(1)));
        (await ExpiryDuty.DeleteAsync(Store, "p", [.. due], default)).ShouldBe(1);

        (await Store.ListAsync("p", "")).Select(d => d.Key).ShouldBe(["a"]);
    }

    [Fact]
    public async Task Clock_ReadAndExtrapolated_NeverStepsBack()
    {
        var last = DateTimeOffset.MinValue;
        for (var i = 0; i < 50; i++)
        {
            var now = i % 5 == 0 ? await Store.Clock.ReadAsync() : Store.Clock.Now;
            now.ShouldBeGreaterThanOrEqualTo(last);
            last = now;
        }
    }

    [Fact]
    public async Task Blobs_WrittenOpenedRemoved()
    {
        var bytes = new byte[700_001];
        new Random(1).NextBytes(bytes);
        var (id, empty) = (IBlobStore.NewId(), IBlobStore.NewId());
        await Store.Blobs.WriteAsync(id, new MemoryStream(bytes));
        await Store.Blobs.WriteAsync(empty, Stream.Null);

        (await ReadAllAsync(id)).ShouldBe(bytes);
        (await ReadAllAsync(empty)).ShouldBeEmpty();
        await Store.Blobs.RemoveAsync(id);
        await Store.Blobs.RemoveAsync(id);
        (await Store.Blobs.OpenAsync(id)).ShouldBeNull();
        (await Store.Blobs.OpenAsync("../lock")).ShouldBeNull();
        await Store.Blobs.RemoveAsync(IBlobStore.NewId());
        await Should.ThrowAsync<ArgumentException>(async () => await Store.Blobs.WriteAsync("../lock", Stream.Null));
    }

    [Fact]
    public async Task Blobs_SourceFails_LeavesNothing()
    {
        var id = IBlobStore.NewId();
        await Should.ThrowAsync<FormatException>(async () => await Store.Blobs.WriteAsync(id, new BrokenStream(300_000)));

        (await Store.Blobs.OpenAsync(id)).ShouldBeNull();
        await Store.Blobs.RemoveAsync(id);
    }

    [Fact]
    public async Task Logs_AppendedAndRead_InOrderFromAnyRecord()
    {
        await using (var writer = await Store.Logs.OpenAsync("batch/1", 10))
        {
            writer.Count.ShouldBe(0);
            await writer.AppendAsync([Json("one"), Json("two")]);
            await writer.AppendAsync([Json("")]);
            await writer.AppendAsync([Json("four")]);
            writer.Count.ShouldBe(4);
        }

        (await RecordsAsync("batch/1")).ShouldBe(["one", "two", "", "four"]);
        (await RecordsAsync("batch/1", 2)).ShouldBe(["", "four"]);
        (await RecordsAsync("none")).ShouldBeEmpty();
        await using (var again = await Store.Logs.OpenAsync("batch/1", 10))
            again.Count.ShouldBe(4);
        await Store.Logs.RemoveAsync("batch/1");
        (await RecordsAsync("batch/1")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Logs_HigherFence_RefusesTheOlderWriterAndOlderFences()
    {
        await using var old = await Store.Logs.OpenAsync("log", 10);
        await old.AppendAsync([Json("a")]);
        await using var current = await Store.Logs.OpenAsync("log", 11);
        current.Count.ShouldBe(1);
        await current.AppendAsync([Json("b")]);

        await Should.ThrowAsync<StaleFenceException>(async () => await old.AppendAsync([Json("late")]));
        await Should.ThrowAsync<StaleFenceException>(async () => await Store.Logs.OpenAsync("log", 10));

        (await RecordsAsync("log")).ShouldBe(["a", "b"]);
    }

    [Fact]
    public async Task Cache_SetGetExpireClear()
    {
        byte[] key = [0, 255, 1];
        (await Store.Cache.GetAsync("s", key)).ShouldBeNull();
        await Store.Cache.SetAsync("s", key, Json("v"));
        await Store.Cache.SetAsync("s", key, Json("w"));
        await Store.Cache.SetAsync("other", key, Json("x"));
        await Store.Cache.SetAsync("s", Encoding.UTF8.GetBytes("short"), Json("y"), TimeSpan.FromTicks(1));

        (await Store.Cache.GetAsync("s", key))!.Value.Text().ShouldBe("w");
        (await Store.Cache.GetAsync("s", Encoding.UTF8.GetBytes("short"))).ShouldBeNull();
        (await Store.Cache.ClearAsync("s")).ShouldBeGreaterThan(0);
        (await Store.Cache.GetAsync("s", key)).ShouldBeNull();
        (await Store.Cache.GetAsync("other", key))!.Value.Text().ShouldBe("x");
    }

    [Fact]
    public async Task Cache_OverItsBound_LetsTheOldestGo()
    {
        for (var i = 0; i < 40; i++)
            await Store.Cache.SetAsync("s", BitConverter.GetBytes(i), new byte[100_000]);

        var kept = 0;
        for (var i = 0; i < 40; i++)
            kept += await Store.Cache.GetAsync("s", BitConverter.GetBytes(i)) is null ? 0 : 1;
        kept.ShouldBeInRange(1, (int)(CacheBytes / 100_000));
        (await Store.Cache.GetAsync("s", BitConverter.GetBytes(39))).ShouldNotBeNull();
    }

    [Fact]
    public async Task Cache_Many_AreReadInTheOrderOfTheirKeys()
    {
        var entries = Enumerable.Range(0, 300).Select(i => new CacheEntry(BitConverter.GetBytes(i), Json($"v{i}"))).ToArray();
        (await Store.Cache.SetManyAsync("m", entries)).ShouldBe(300);
        (await Store.Cache.SetManyAsync("m", [new CacheEntry(BitConverter.GetBytes(7), Json("old")), new CacheEntry(BitConverter.GetBytes(7), Json("new"))])).ShouldBe(2);
        await Store.Cache.SetManyAsync("m", [new CacheEntry(BitConverter.GetBytes(8), Json("short"))], TimeSpan.FromTicks(1));

        ReadOnlyMemory<byte>[] keys = [BitConverter.GetBytes(299), BitConverter.GetBytes(1000), BitConverter.GetBytes(7), BitConverter.GetBytes(8), BitConverter.GetBytes(0)];
        var values = await Store.Cache.GetManyAsync("m", keys);
        values.Select(value => value?.Text()).ShouldBe(["v299", null, "new", null, "v0"]);
        (await Store.Cache.GetAsync("m", keys[0]))!.Value.Text().ShouldBe("v299");
        (await Store.Cache.GetManyAsync("other", keys)).ShouldAllBe(value => value == null);
        (await Store.Cache.GetManyAsync("m", [])).ShouldBeEmpty();
        (await Store.Cache.SetManyAsync("m", [])).ShouldBe(0);
        await Should.ThrowAsync<ArgumentException>(async () => await Store.Cache.SetManyAsync("m", [entries[0], new CacheEntry(default, entries[0].Value)]));
    }

    [Fact]
    public async Task Cache_SpaceWithABoundOfItsOwn_HoldsThatAndLeavesOthersAlone()
    {
        Store.Cache.Bound("tight", 50_000);
        var entries = Enumerable.Range(0, 15).Select(i => new CacheEntry(BitConverter.GetBytes(i), new byte[10_000])).ToArray();
        await Store.Cache.SetManyAsync("tight", entries);
        await Store.Cache.SetManyAsync("wide", entries);

        var keys = Array.ConvertAll(entries, entry => entry.Key);
        (await Store.Cache.GetManyAsync("tight", keys)).Count(value => value is not null).ShouldBeInRange(1, 5);
        (await Store.Cache.GetManyAsync("wide", keys)).Count(value => value is not null).ShouldBeGreaterThan(8);
        Store.Cache.Bound("tight", 100_000_000);
        await Store.Cache.SetManyAsync("tight", entries);
        (await Store.Cache.GetManyAsync("tight", keys)).ShouldAllBe(value => value != null);
    }

    protected const long CacheBytes = 2_000_000;

    protected async Task<byte[]> ReadAllAsync(string id)
    {
        await using var stream = (await Store.Blobs.OpenAsync(id)).ShouldNotBeNull();
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy);
        return copy.ToArray();
    }

    protected async Task<List<string>> RecordsAsync(string name, long from = 0)
    {
        var records = new List<string>();
        await foreach (var record in Store.Logs.ReadAsync(name, from))
            records.Add(record.Text());
        return records;
    }

    private sealed record Transfer(long Revision, Document From, Document To, int Amount)
    {
        public string A => $"{int.Parse(From.Text(), null) - Amount}";

        public string B => $"{int.Parse(To.Text(), null) + Amount}";
    }

    private sealed class BrokenStream(int after) : MemoryStream(new byte[after])
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await base.ReadAsync(buffer, cancellationToken);
            return read > 0 ? read : throw new FormatException("the source broke");
        }
    }
}
