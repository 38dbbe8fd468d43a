using Weir.Inference.Batches;
using Weir.Inference.Batches.Documents;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Inference.Batches.Support;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Batches;

public sealed class BatchFilesTests : IAsyncLifetime
{
    private readonly ManualTimeProvider _time = new();
    private readonly ScriptedUpstream _upstream = new();
    private MemoryStateStore _store = null!;
    private BatchHarness _harness = null!;

    public ValueTask InitializeAsync()
    {
        _store = new MemoryStateStore(new StateOptions(), _time);
        _harness = new BatchHarness(_store, GatewayHarness.Route(_upstream), _time, new BatchLimits { FilesPerTenant = 3, BytesPerTenant = 1000, BatchesPerTenant = 2 });
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _harness.DisposeAsync();
        await _upstream.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task File_OfAnotherTenant_IsNotThere()
    {
        var file = await _harness.UploadAsync("x");

        (await _harness.Files.FindAsync("other", file.Id, CancellationToken.None)).ShouldBeNull();
        (await _harness.Files.DeleteAsync("other", file.Id, CancellationToken.None))!.Status.ShouldBe(404);
        (await _harness.Files.FindAsync(BatchHarness.Tenant, $"../{BatchHarness.Tenant}/{file.Id}", CancellationToken.None)).ShouldBeNull();
        (await _harness.Batches.CreateAsync(BatchHarness.Wanted(file.Id, tenant: "other"), CancellationToken.None)).Error!.Status.ShouldBe(404);
        (await _harness.Files.ListAsync("other", CancellationToken.None)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Delete_File_RemovesItsBytes()
    {
        var file = await _harness.UploadAsync("x");

        (await _harness.Files.DeleteAsync(BatchHarness.Tenant, file.Id, CancellationToken.None)).ShouldBeNull();

        (await _harness.Files.FindAsync(BatchHarness.Tenant, file.Id, CancellationToken.None)).ShouldBeNull();
        (await _store.Blobs.OpenAsync(file.Blob)).ShouldBeNull();
        (await _harness.KeysAsync("")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Delete_FileThatABatchReads_Is409UntilItEnds()
    {
        var batch = await _harness.CreateAsync(BatchHarness.Line(1));

        (await _harness.Files.DeleteAsync(BatchHarness.Tenant, batch.InputFileId, CancellationToken.None))!.Status.ShouldBe(409);
        await _harness.StartAsync();
        await _harness.EndedAsync(batch.Id);

        (await _harness.Files.DeleteAsync(BatchHarness.Tenant, batch.InputFileId, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task Room_AtItsBounds_IsRefusedWithTheBound()
    {
        (await _harness.Files.RoomAsync(BatchHarness.Tenant, 1001, CancellationToken.None))!.Message.ShouldContain("1000 bytes");
        for (var i = 0; i < 3; i++)
        {
            (await _harness.Files.RoomAsync(BatchHarness.Tenant, 1, CancellationToken.None)).ShouldBeNull();
            await _harness.UploadAsync("x");
        }

        var full = await _harness.Files.RoomAsync(BatchHarness.Tenant, 1, CancellationToken.None);

        full!.Status.ShouldBe(422);
        full.Message.ShouldContain("3 files");
        (await _harness.Files.RoomAsync("other", 1, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task File_ItsTimeUp_IsGoneAndItsBytesWithTheNextSweep()
    {
        var file = await _harness.UploadAsync("x", TimeSpan.FromHours(1));
        _time.Advance(TimeSpan.FromMinutes(59));
        (await _harness.Files.FindAsync(BatchHarness.Tenant, file.Id, CancellationToken.None)).ShouldNotBeNull();

        _time.Advance(TimeSpan.FromMinutes(1));

        (await _harness.Files.FindAsync(BatchHarness.Tenant, file.Id, CancellationToken.None)).ShouldBeNull();
        await _harness.Discards.SweepAsync(CancellationToken.None);
        (await _store.Blobs.OpenAsync(file.Blob)).ShouldBeNull();
        (await _harness.KeysAsync("")).ShouldBeEmpty();
    }

    [Fact]
    public async Task File_ItsTimeUpWhileABatchReadsIt_StaysUntilTheEnd()
    {
        var file = await _harness.UploadAsync(BatchHarness.Line(1), TimeSpan.FromHours(1));
        var (batch, _) = await _harness.Batches.CreateAsync(BatchHarness.Wanted(file.Id), CancellationToken.None);
        _time.Advance(TimeSpan.FromHours(2));
        await _harness.Discards.SweepAsync(CancellationToken.None);

        await _harness.StartAsync();
        (await _harness.EndedAsync(batch!.Id)).Completed.ShouldBe(1);

        await _harness.Discards.SweepAsync(CancellationToken.None);
        (await _harness.Files.FindAsync(BatchHarness.Tenant, file.Id, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task Create_WhatCannotBe_SaysWhy()
    {
        var file = await _harness.UploadAsync(BatchHarness.Line(1));
        var picture = await _harness.UploadAsync("x", purpose: "vision");

        (await CreateAsync(BatchHarness.Wanted("file-none"))).Status.ShouldBe(404);
        (await CreateAsync(BatchHarness.Wanted(picture.Id))).Param.ShouldBe("input_file_id");
        (await CreateAsync(BatchHarness.Wanted(file.Id, endpoint: "/v1/moderations"))).Param.ShouldBe("endpoint");
        (await CreateAsync(BatchHarness.Wanted(file.Id, endpoint: "/v1/messages/count_tokens"))).Param.ShouldBe("endpoint");
        (await CreateAsync(BatchHarness.Wanted(file.Id, TimeSpan.FromSeconds(1)))).Param.ShouldBe("completion_window");
        (await CreateAsync(BatchHarness.Wanted(file.Id, TimeSpan.FromDays(8)))).Param.ShouldBe("completion_window");
        (await CreateAsync(BatchHarness.Wanted(file.Id) with { Metadata = new Dictionary<string, string> { [new string('k', 65)] = "" } })).Param.ShouldBe("metadata");
    }

    [Fact]
    public async Task Create_TooManyThatHaveNotEnded_Is429()
    {
        var file = await _harness.UploadAsync(BatchHarness.Line(1));
        for (var i = 0; i < 2; i++)
        {
            (await _harness.Batches.CreateAsync(BatchHarness.Wanted(file.Id), CancellationToken.None)).Error.ShouldBeNull();
        }

        (await CreateAsync(BatchHarness.Wanted(file.Id))).Status.ShouldBe(429);
    }

    [Fact]
    public async Task List_Batches_NewestFirstAndPaged()
    {
        var file = await _harness.UploadAsync(BatchHarness.Line(1));
        var made = new List<string>();
        for (var i = 0; i < 2; i++)
        {
            made.Add((await _harness.Batches.CreateAsync(BatchHarness.Wanted(file.Id), CancellationToken.None)).Batch!.Id);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        (await _harness.Batches.ListAsync(BatchHarness.Tenant, null, 10, CancellationToken.None)).Select(batch => batch.Id).ShouldBe([made[1], made[0]]);
        (await _harness.Batches.ListAsync(BatchHarness.Tenant, made[1], 10, CancellationToken.None)).Select(batch => batch.Id).ShouldBe([made[0]]);
        (await _harness.Batches.ListAsync("other", null, 10, CancellationToken.None)).ShouldBeEmpty();
    }

    private async Task<Weir.Inference.InferenceError> CreateAsync(NewBatch wanted) => (await _harness.Batches.CreateAsync(wanted, CancellationToken.None)).Error.ShouldNotBeNull();
}
