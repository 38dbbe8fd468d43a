using System.Globalization;
using Weir.State;
using static Weir.Tests.State.Bodies;

namespace Weir.Tests.State.Redis;

/// <summary>Redis stopped, killed, cut off and out of memory, with a store that is in use meanwhile.</summary>
public sealed class RedisOutageTests : IAsyncLifetime
{
    private RedisServer _server = null!;
    private IStateStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        // With everysec a server that is killed forgets what it answered while an fsync was slow.
        _server = await RedisServer.StartAsync("--appendfsync", "always");
        _store = await OpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
            await _store.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Commit_ServerStopped_IsUnknownThenSettledAndNeverDoubled()
    {
        for (var round = 0; round < 3; round++)
        {
            var version = (await _store.ReadAsync("p", "a"))?.Version ?? 0;
            var commit = Of("p", Put("a", version, $"{round}")) with { Deadline = TimeSpan.FromMilliseconds(500) };
            _server.Pause();
            (await _store.CommitAsync(commit)).ShouldBeOfType<CommitOutcome.Unknown>();
            (await _store.SettleAsync(commit)).ShouldBeOfType<CommitOutcome.Unknown>();
            _server.Continue();

            var settled = await SettleAsync(commit with { Deadline = TimeSpan.FromSeconds(10) });
            var document = await _store.ReadAsync("p", "a");
            if (settled is CommitOutcome.Committed(var revision))
            {
                document.ShouldNotBeNull().Version.ShouldBe(revision);
                document.Text().ShouldBe($"{round}");
            }
            else
            {
                (document?.Version ?? 0).ShouldBe(version);
            }

            // Sent again under its id it answers the same, and changes nothing.
            (await _store.CommitAsync(commit with { Deadline = TimeSpan.FromSeconds(10) })).ShouldBe(settled, new OutcomeComparer());
            ((await _store.ReadAsync("p", "a"))?.Version).ShouldBe(document?.Version);
        }
    }

    [Fact]
    public async Task Commit_StoppedPastNotAfter_DoesNotLandLate()
    {
        var bound = await _store.Clock.ReadAsync() + TimeSpan.FromSeconds(1);
        var commit = Of("p", Put("a", 0, "late")) with { Deadline = TimeSpan.FromMilliseconds(300), NotAfter = bound };
        _server.Pause();
        (await _store.CommitAsync(commit)).ShouldBeOfType<CommitOutcome.Unknown>();
        await Task.Delay(TimeSpan.FromSeconds(1.5));
        _server.Continue();

        (await SettleAsync(commit with { Deadline = TimeSpan.FromSeconds(10) })).ShouldBeOfType<CommitOutcome.Lost>();
        (await _store.ReadAsync("p", "a")).ShouldBeNull();
    }

    [Fact]
    public async Task Commit_CancelledAfterItWasSent_IsUnknownAndCanBeSettled()
    {
        using var cancel = new CancellationTokenSource();
        var commit = Of("p", Put("a", 0, "1"));
        _server.Pause();
        var sent = _store.CommitAsync(commit, cancel.Token).AsTask();
        await cancel.CancelAsync();
        (await sent).ShouldBeOfType<CommitOutcome.Unknown>();
        _server.Continue();

        var landed = await SettleAsync(commit) is CommitOutcome.Committed;
        (await _store.ReadAsync("p", "a") is not null).ShouldBe(landed);
        await Should.ThrowAsync<OperationCanceledException>(async () => await _store.CommitAsync(Of("p", Put("b", 0, "1")), cancel.Token));
    }

    [Fact]
    public async Task Server_KilledAndStartedAgain_CommitsWaitAndTheWatchHasNoGap()
    {
        await using var watch = new WatchReader(_store, "p", "k");
        var mirror = new FeedMirror();
        mirror.Apply(await watch.NextAsync());
        var version = await _store.CommitAsync("p", Put("k/0/0", 0, "1"), Put("k/0/1", 0, "1"));

        await _server.KillAsync();
        var waiting = SureAsync(Of("p", Put("k/0/0", version, "2"), Put("k/0/1", version, "2")) with { Deadline = TimeSpan.FromSeconds(30) });
        try
        {
            // Sent into a connection that was just dying it may have landed, as far as anybody here can tell.
            (await _store.CommitAsync(Of("p", Put("x", 0, "1")) with { Deadline = TimeSpan.FromMilliseconds(500) })).ShouldBeOfType<CommitOutcome.Unknown>();
        }
        catch (StoreUnavailableException e)
        {
            e.Message.ShouldContain("Redis");
        }

        _store.Health.Available.ShouldBeFalse();
        await _server.StartAsync();

        version = (await waiting).ShouldBeOfType<CommitOutcome.Committed>().Revision;
        while (mirror.Revision < version)
            mirror.Apply(await watch.NextAsync());
        mirror.Snapshots.ShouldBe(1);
        mirror.Halves().ShouldHaveSingleItem().ShouldBe(("2", "2"));
        _store.Health.Available.ShouldBeTrue();
    }

    [Fact]
    public async Task Connections_CutUnderLoad_CountExactlyWhatWasCommittedAndTheWatchHasNoGap()
    {
        const int Writers = 6, Increments = 60, BetweenCuts = 24;
        await using var watch = new WatchReader(_store, "p", "n");
        var mirror = new FeedMirror();
        mirror.Apply(await watch.NextAsync());
        await _store.CommitAsync("p", Put("n", 0, "0"));

        using var progress = new SemaphoreSlim(0);
        var cutting = Task.Run(async () =>
        {
            // By what was done and not by time: a machine that takes longer to connect again than the time between two cuts would never get on.
            for (var cut = BetweenCuts; cut < Writers * Increments; cut += BetweenCuts)
            {
                for (var i = 0; i < BetweenCuts; i++)
                    await progress.WaitAsync();
                await _server.SayAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
                await _server.SayAsync("CLIENT", "KILL", "TYPE", "pubsub");
                await _server.SayAsync("SCRIPT", "FLUSH");
            }
        });
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(async () =>
        {
            for (var done = 0; done < Increments;)
            {
                var now = (await ReadAsync("n"))!;
                var next = int.Parse(now.Text(), CultureInfo.InvariantCulture) + 1;
                if (await SureAsync(Of("p", Put("n", now.Version, $"{next}")) with { Deadline = TimeSpan.FromMinutes(1) }) is not CommitOutcome.Committed)
                    continue;
                done++;
                progress.Release();
            }
        })));
        await cutting;

        var final = (await ReadAsync("n"))!;
        final.Text().ShouldBe($"{Writers * Increments}");
        while (mirror.Revision < final.Version)
            mirror.Apply(await watch.NextAsync());
        mirror.Documents["n"].Version.ShouldBe(final.Version);
        mirror.Snapshots.ShouldBe(1);
        mirror.Commits.ShouldBe((Writers * Increments) + 1);
    }

    [Fact]
    public async Task Server_OutOfMemory_RefusesClearlyKeepsReadingAndDeletesGoOn()
    {
        var version = await _store.CommitAsync("p", Put("a", 0, "1"), Put("b", 0, "1"));
        await _server.SayAsync("CONFIG", "SET", "maxmemory", "1");

        var refused = await Should.ThrowAsync<StoreUnavailableException>(async () => await _store.CommitAsync(Of("p", Put("c", 0, "1"))));
        refused.Message.ShouldContain("maxmemory");
        (await _store.ReadAsync("p", "a"))!.Text().ShouldBe("1");
        (await _store.CommitAsync(Of("p", Delete("b", version)))).ShouldBeOfType<CommitOutcome.Committed>();

        await _server.SayAsync("CONFIG", "SET", "maxmemory", "0");
        await _store.CommitAsync("p", Put("c", 0, "1"));
    }

    [Fact]
    public async Task Client_KilledInHeavyCommits_LeavesWhatWasAcknowledgedWhole()
    {
        var acknowledged = await KilledProcess.RunAsync(_server.Url, _server.Folder, writers: 16, acknowledgements: 2000);

        await KilledProcess.VerifyAsync(_store, acknowledged);
    }

    [Fact]
    public async Task Server_KilledInHeavyCommits_KeepsWhatWasAcknowledgedWhole()
    {
        var versions = new long[8];
        var numbers = new int[8];
        using var ends = new CancellationTokenSource();
        var writing = Enumerable.Range(0, 8).Select(w => Task.Run(async () =>
        {
            for (var number = 1; !ends.IsCancellationRequested; number++)
            {
                var outcome = await SureAsync(Of("p", [.. Enumerable.Range(0, 3).Select(i => Put($"k/{w}/{i}", versions[w], $"{number}"))]) with { Deadline = TimeSpan.FromSeconds(30) });
                versions[w] = outcome.ShouldBeOfType<CommitOutcome.Committed>().Revision;
                numbers[w] = number;
            }
        })).ToArray();
        for (var round = 0; round < 2; round++)
        {
            await Task.Delay(300);
            await _server.KillAsync();
            await _server.StartAsync();
        }

        await Task.Delay(1000);
        await ends.CancelAsync();
        await Task.WhenAll(writing);

        await KilledProcess.VerifyAsync(_store, Enumerable.Range(0, 8).ToDictionary(w => $"{w}", w => numbers[w]));
        for (var w = 0; w < 8; w++)
            (await _store.ReadAsync("p", $"k/{w}/0"))!.Version.ShouldBe(versions[w]);
    }

    private ValueTask<IStateStore> OpenAsync() => StateStores.OpenAsync(new StateOptions { Store = _server.Url });

    private async Task<CommitOutcome> SureAsync(Commit commit)
    {
        var outcome = await _store.CommitAsync(commit);
        return outcome is CommitOutcome.Unknown ? await SettleAsync(commit) : outcome;
    }

    private async Task<CommitOutcome> SettleAsync(Commit commit)
    {
        while (true)
        {
            var outcome = await _store.SettleAsync(commit);
            if (outcome is not CommitOutcome.Unknown)
                return outcome;
        }
    }

    private async Task<Document?> ReadAsync(string key)
    {
        while (true)
        {
            try
            {
                return await _store.ReadAsync("p", key);
            }
            catch (StoreUnavailableException)
            {
                await Task.Delay(20);
            }
        }
    }

    private sealed class OutcomeComparer : IEqualityComparer<CommitOutcome>
    {
        public bool Equals(CommitOutcome? x, CommitOutcome? y) => (x, y) switch
        {
            (CommitOutcome.Committed a, CommitOutcome.Committed b) => a.Revision == b.Revision,
            (CommitOutcome.Lost, CommitOutcome.Lost) => true,
            _ => false,
        };

        public int GetHashCode(CommitOutcome outcome) => 0;
    }
}
