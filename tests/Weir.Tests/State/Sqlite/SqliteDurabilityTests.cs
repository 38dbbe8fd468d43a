using System.Diagnostics;
using System.Runtime.InteropServices;
using Weir.State;
using Weir.State.Expiry;
using Weir.State.Sqlite;
using Weir.Tests.Support;
using static Weir.Tests.State.Bodies;

namespace Weir.Tests.State.Sqlite;

public sealed class SqliteDurabilityTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-state-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Process_KilledInHeavyCommits_KeepsWhatWasAcknowledgedWhole()
    {
        for (var round = 0; round < 3; round++)
        {
            var folder = Path.Combine(_folder, $"{round}");
            var acknowledged = await KilledProcess.RunAsync("sqlite", folder, writers: 16, acknowledgements: 300 + (round * 157));

            await using var store = await StateStores.OpenAsync(new StateOptions { DataFolder = folder });
            await KilledProcess.VerifyAsync(store, acknowledged);
            (await store.CommitAsync(Of("p", Put("after", 0, "1")))).ShouldBeOfType<CommitOutcome.Committed>();
        }
    }

    [Fact]
    public async Task Reopen_AfterClose_HoldsEverythingAndRemembersCommits()
    {
        var commit = Of("p", Put("a", 0, "1"), Put("b", 0, "2"));
        CommitOutcome outcome;
        var blob = IBlobStore.NewId();
        await using (var store = await OpenAsync())
        {
            outcome = await store.CommitAsync(commit);
            await store.Blobs.WriteAsync(blob, new MemoryStream([1, 2, 3]));
        }

        await using var again = await OpenAsync();
        (await again.ListAsync("p", "")).Select(d => d.Text()).ShouldBe(["1", "2"]);
        (await again.SettleAsync(commit)).ShouldBe(outcome);
        (await again.Blobs.OpenAsync(blob)).ShouldNotBeNull().Length.ShouldBe(3);
    }

    [Fact]
    public async Task Restored_FromAnOlderCopy_GoesOnAboveEveryRevisionGivenOut()
    {
        long before, last;
        var copy = Path.Combine(_folder, "copy");
        var data = Path.Combine(_folder, "data");
        await using (var store = await OpenAsync(data))
            before = await store.CommitAsync("p", Put("a", 0, "old"));
        CopyFolder(data, copy);
        await using (var store = await OpenAsync(data))
            last = await store.CommitAsync("p", Put("a", before, "new"));

        Directory.Delete(data, recursive: true);
        CopyFolder(copy, data);
        await using var restored = await OpenAsync(data);
        (await restored.ReadAsync("p", "a"))!.Text().ShouldBe("old");
        (await restored.CommitAsync(Of("p", Put("a", last, "by an old hand")))).ShouldBeOfType<CommitOutcome.Lost>();
        (await restored.CommitAsync("p", Put("a", before, "again"))).ShouldBeGreaterThan(last);
    }

    [Fact]
    public async Task Clock_UtcJumpsAnHour_ReapsNothingEarlyAndNeverStepsBack()
    {
        var time = new ManualTimeProvider();
        DateTimeOffset last;
        await using (var store = await OpenAsync(time: time))
        {
            var start = store.Clock.Now;
            var revision = await store.CommitAsync("p", Put("a", 0, "1", start + TimeSpan.FromMinutes(10)));
            time.JumpUtc(TimeSpan.FromHours(1));
            (await ExpiryDuty.RunAsync(store, default)).ShouldBe(0);
            store.Clock.Now.ShouldBe(start);

            time.Advance(TimeSpan.FromMinutes(9));
            (await ExpiryDuty.RunAsync(store, default)).ShouldBe(0);
            await store.CommitAsync("p", Put("a", revision, "1", start + TimeSpan.FromMinutes(10)));
            last = store.Clock.Now;
        }

        time.JumpUtc(TimeSpan.FromHours(-5));
        await using var again = await OpenAsync(time: time);
        again.Clock.Now.ShouldBe(last);
        (await ExpiryDuty.RunAsync(again, default)).ShouldBe(0);
        time.Advance(TimeSpan.FromMinutes(1));
        (await ExpiryDuty.RunAsync(again, default)).ShouldBe(1);
    }

    [Fact]
    public async Task File_Full_RefusesClearlyKeepsReadingAndRecovers()
    {
        using var log = new RecordingLogger<SqliteStateStore>();
        await using var store = await SqliteStateStore.OpenAsync(
            new StateOptions { DataFolder = _folder }, TimeProvider.System, log, default, maxPages: 512);

        var written = await FillAsync(store);

        for (var i = 0; i < 5; i++)
            await Should.ThrowAsync<StoreUnavailableException>(async () => await store.CommitAsync(Of("p", new Write("large", 0, new byte[1 << 20]))));
        log.Events.ShouldBe(["StateWriteFailed"], "once per outage");
        log.Lines.ShouldAllBe(line => line.Exception == null);

        // A large one that fails in the same transaction refuses itself, not its neighbours.
        var large = store.CommitAsync(Of("p", new Write("large", 0, new byte[1 << 20]))).AsTask();
        var deletion = store.CommitAsync(Of("p", Delete("k0", written["k0"]))).AsTask();
        await Should.ThrowAsync<StoreUnavailableException>(() => large);
        (await deletion).ShouldBeOfType<CommitOutcome.Committed>();
        (await store.CommitAsync(Of("p", Put("small", 0, "1")))).ShouldBeOfType<CommitOutcome.Committed>();
        store.Health.Available.ShouldBeTrue();
        log.Events.ShouldContain("StateWritesAgain");
    }

    [Fact]
    public async Task Disk_Full_RefusesClearlyKeepsReadingAndRecovers()
    {
        var mount = Path.Combine(_folder, "small");
        Directory.CreateDirectory(mount);
        if (await RunAsync("mount", "-t", "tmpfs", "-o", "size=8m", "none", mount) != 0)
        {
            TestContext.Current.TestOutputHelper?.WriteLine("No right to mount: the bounded file above stands for the disk.");
            return;
        }

        try
        {
            await using var store = await OpenAsync(mount);
            string[] ballast = [Path.Combine(mount, "ballast1"), Path.Combine(mount, "ballast2")];
            foreach (var file in ballast)
                await File.WriteAllBytesAsync(file, new byte[1 << 20]);
            await FillAsync(store);
            File.Delete(ballast[0]);
            (await store.CommitAsync(Of("p", Put("small", 0, "1")))).ShouldBeOfType<CommitOutcome.Committed>();
            store.Health.Available.ShouldBeTrue();

            var broken = await Should.ThrowAsync<StoreUnavailableException>(async () => await store.Blobs.WriteAsync(IBlobStore.NewId(), new MemoryStream(new byte[16 << 20])));
            broken.Message.ShouldContain("blob");
            File.Delete(ballast[1]);
            await using var log = await store.Logs.OpenAsync("log", 1);
            await Should.ThrowAsync<StoreUnavailableException>(async () => await log.AppendAsync([new byte[8 << 20], new byte[8 << 20]]));
            await log.AppendAsync([Json("small")]);
            var records = new List<string>();
            await foreach (var record in store.Logs.ReadAsync("log"))
                records.Add(record.Text());
            records.ShouldBe(["small"]);
        }
        finally
        {
            (await RunAsync("umount", mount)).ShouldBe(0);
        }
    }

    private static async Task<Dictionary<string, long>> FillAsync(IStateStore store)
    {
        var body = new byte[200_000];
        var written = new Dictionary<string, long>();
        StoreUnavailableException? full = null;
        for (var i = 0; full is null && i < 100; i++)
        {
            try
            {
                written[$"k{i}"] = await store.CommitAsync("p", new Write($"k{i}", 0, body));
            }
            catch (StoreUnavailableException e)
            {
                full = e;
            }
        }

        full.ShouldNotBeNull().Message.ShouldContain("full");
        store.Health.Available.ShouldBeFalse();
        store.Health.Warnings.ShouldHaveSingleItem().ShouldContain("full");
        (await store.ListAsync("p", "k", null, 1000)).ToDictionary(d => d.Key, d => d.Version).ShouldBe(written, ignoreOrder: true);
        return written;
    }

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        if (!RuntimeInformation.IsOSPlatform(OSPlatform.Linux))
            return -1;
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    private ValueTask<IStateStore> OpenAsync(string? folder = null, TimeProvider? time = null) =>
        StateStores.OpenAsync(new StateOptions { DataFolder = folder ?? _folder }, time);

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
