using Weir.Inference.Batches;
using Weir.Inference.Batches.Documents;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Flow;
using Weir.Tests.Inference.Batches.Support;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Batches.Execution;

/// <summary>The process dies at some call to its store, which lands or not; another goes on. Each line is answered exactly once in the files.</summary>
public sealed class BatchCrashTests
{
    private const int Lines = 40;

    [Fact]
    public Task Crash_AtEveryCallOverMemory_LosesNoLineAndAnswersNoneTwice() => RandomSchedule.RunAsync(12, async random =>
    {
        var time = new ManualTimeProvider();
        await using var store = new MemoryStateStore(new StateOptions(), time);
        await RunAsync(store, time, random);
    });

    [Fact]
    public Task Crash_AtAnyCallOverFiles_LosesNoLineAndAnswersNoneTwice() => RandomSchedule.RunAsync(3, async random =>
    {
        var folder = Directory.CreateTempSubdirectory("weir-batches-").FullName;
        try
        {
            var time = new ManualTimeProvider();
            await using var store = await StateStores.OpenAsync(new StateOptions { DataFolder = folder }, time);
            await RunAsync(store, time, random);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    });

    // Dies up to four times, each time somewhere in the life of the batch.
    private static async Task RunAsync(IStateStore store, ManualTimeProvider time, Random random)
    {
        var faults = random.Next(3);
        var status = random.Next(2) == 0 ? 500 : 429;
        var answered = 0;
        await using var upstream = new ScriptedUpstream(exchange => faults > 0 && Interlocked.Increment(ref answered) % 7 < faults
            ? exchange.RespondAsync(status, """{"error":{"message":"trouble"}}""")
            : exchange.RespondAsync(200, ScriptedUpstream.Answer));
        var limits = new BatchLimits { LinesAtOnce = 1 + random.Next(16) };
        BatchRecord batch;
        await using (var maker = new BatchHarness(store, GatewayHarness.Route(upstream), time, limits))
        {
            batch = await maker.CreateAsync(BatchHarness.Lines(Lines));
        }

        var blobs = new List<string>();
        var cancelAt = random.Next(4) == 0 ? random.Next(40) : -1;
        for (var deaths = random.Next(1, 5); deaths > 0; deaths--)
        {
            var dying = new DyingStore(store, random.Next(1, 70), lands: random.Next(2) == 0);
            var harness = new BatchHarness(dying, GatewayHarness.Route(upstream), time, limits);
            await harness.StartAsync();
            for (var look = 0; !dying.IsDead && await Alive(store, batch.Id); look++)
            {
                look.ShouldBeLessThan(5000, $"the first holder came no further: {dying.Calls} calls");
                await Task.Delay(2);
                if (look % 4 == 0 && !dying.IsBusy)
                {
                    time.Advance(TimeSpan.FromSeconds(1));
                }
            }

            // An upload that dies too.
            await Record.ExceptionAsync(() => harness.UploadAsync("never asked for"));
            await harness.DisposeAsync();
            blobs.AddRange(dying.BlobsWritten);
        }

        var living = new DyingStore(store, int.MaxValue, lands: true);
        await using var last = new BatchHarness(living, GatewayHarness.Route(upstream), time, limits);
        if (cancelAt >= 0)
        {
            await last.Batches.CancelAsync(BatchHarness.Tenant, batch.Id, CancellationToken.None);
        }

        await last.StartAsync();
        var ended = await last.EndedAsync(batch.Id, isBusy: () => living.IsBusy);
        var (output, _) = await last.ShouldBeWholeAsync(ended, ended.Total);
        if (ended.Status == BatchStatus.Completed)
        {
            output.Count.ShouldBe(Lines);
        }

        (await last.KeysAsync(BatchDocuments.PendingPrefix)).ShouldBeEmpty();
        time.Advance(new BatchLimits().DraftsKept + TimeSpan.FromMinutes(1));
        // The replica's own sweep may be about the same, and what it gives up is left to the next one.
        for (var look = 0; (await last.KeysAsync(BatchDocuments.DiscardPrefix)).Count > 0; look++)
        {
            look.ShouldBeLessThan(6000, "what is to be thrown away stays");
            await last.Discards.SweepAsync(CancellationToken.None);
            await Task.Delay(5);
        }

        (await last.Files.FindAsync(BatchHarness.Tenant, ended.InputFileId, CancellationToken.None))!.UsedBy.ShouldBeEmpty();
        var kept = (await last.Files.ListAsync(BatchHarness.Tenant, CancellationToken.None)).Select(file => file.Blob).ToHashSet();
        foreach (var blob in blobs.Where(blob => !kept.Contains(blob)))
        {
            (await store.Blobs.OpenAsync(blob)).ShouldBeNull("a blob that no file names was left behind");
        }
    }

    private static async Task<bool> Alive(IStateStore store, string id) =>
        await store.ReadAsync(BatchDocuments.Partition, BatchDocuments.PendingKey(BatchHarness.Tenant, id)) is not null;
}
