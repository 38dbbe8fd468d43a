using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Collections.Upkeep;

namespace Weir.Tests.Retrieval.Collections;

public sealed class CollectionIngestTests : IAsyncLifetime
{
    private CollectionHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await CollectionHost.StartAsync();
        await _host.PutAsync();
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Ingest_Documents_AreFoundAtOnceInEveryMode()
    {
        var outcome = await _host.IngestAsync(new NewDocument("a", "The river weir holds back water."), new NewDocument("b", "Bread is baked from flour."));
        outcome.Error.ShouldBeNull();
        (outcome.Report.Documents, outcome.Report.Chunks, outcome.Report.Unchanged).ShouldBe((2, 2, 0));
        foreach (var mode in Enum.GetValues<CollectionSearchMode>())
        {
            var hit = (await _host.SearchAsync("river water", mode))[0];
            (hit.DocumentId, hit.ChunkId, hit.Text).ShouldBe(("a", "a#0", "The river weir holds back water."));
        }
    }

    [Fact]
    public async Task Ingest_SameIdAgain_LeavesNothingOfTheOld()
    {
        await _host.IngestAsync(new NewDocument("a", "alpha zebra"));
        await _host.SearchAsync("zebra");
        await _host.IngestAsync(new NewDocument("a", "alpha giraffe"));
        (await _host.SearchAsync("zebra", CollectionSearchMode.Sparse)).ShouldBeEmpty();
        (await _host.SearchAsync("alpha")).Single().Text.ShouldBe("alpha giraffe");
        await _host.Service<CollectionUpkeep>().LookAsync(CancellationToken.None);
        await _host.VerifyStoreAsync();
    }

    [Fact]
    public async Task Ingest_SameContentAgain_EmbedsNothing()
    {
        var document = new NewDocument("a", "alpha") { Metadata = CollectionHost.Json("""{"k":1}""") };
        await _host.IngestAsync(document);
        var inputs = _host.Embeddings.Snapshot().Inputs;
        var again = await _host.IngestAsync(document, new NewDocument("b", "beta"));
        (again.Report.Documents, again.Report.Unchanged).ShouldBe((1, 1));
        (_host.Embeddings.Snapshot().Inputs - inputs).ShouldBe(1);
        (await _host.IngestAsync(document with { Metadata = CollectionHost.Json("""{"k":2}""") })).Report.Documents.ShouldBe(1);
    }

    [Fact]
    public async Task Ingest_SameIdTwiceInOneBatch_LastStands()
    {
        await _host.IngestAsync(new NewDocument("a", "first"), new NewDocument("a", "second"));
        (await _host.SearchAsync("first second")).Single().Text.ShouldBe("second");
    }

    [Fact]
    public async Task Ingest_MoreThanABatch_ReportsProgressAndAllIsIn()
    {
        var seen = new List<int>();
        var items = Enumerable.Range(0, 600).Select(i => new IngestItem(new NewDocument($"d{i}", $"document number {i}"), null)).ToAsyncEnumerable();
        var outcome = await _host.Documents.IngestAsync(
            _host.Scope, "c", items, CollectionHost.Asker, report => { seen.Add(report.Documents); return ValueTask.CompletedTask; }, CancellationToken.None);
        outcome.Report.Documents.ShouldBe(600);
        seen.ShouldBe([256, 512, 600]);
        (await _host.Collections.GetAsync(_host.Scope, "c", CancellationToken.None)).Value!.Documents.ShouldBe(600);
        var (first, second) = ((await _host.Documents.ListAsync(_host.Scope, "c", null, 400, CancellationToken.None)).Value!, default(DocumentPage));
        first.HasMore.ShouldBeTrue();
        second = (await _host.Documents.ListAsync(_host.Scope, "c", first.Documents[^1].Id, 400, CancellationToken.None)).Value!;
        (second.Documents.Count, second.HasMore).ShouldBe((200, false));
        first.Documents.Concat(second.Documents).Select(document => document.Id).Distinct().Count().ShouldBe(600);
    }

    [Fact]
    public async Task Ingest_CancelledBetweenBatches_KeepsWhatWasReported()
    {
        using var left = new CancellationTokenSource();
        var items = Enumerable.Range(0, 600).Select(i => new IngestItem(new NewDocument($"d{i}", $"document number {i}"), null)).ToAsyncEnumerable();
        await Should.ThrowAsync<OperationCanceledException>(() => _host.Documents.IngestAsync(
            _host.Scope, "c", items, CollectionHost.Asker, _ => new ValueTask(left.CancelAsync()), left.Token));
        (await _host.Documents.ListAsync(_host.Scope, "c", null, 1000, CancellationToken.None)).Value!.Documents.Count.ShouldBe(256);
    }

    [Fact]
    public async Task Ingest_IdsOfAnyText_AreToldApart()
    {
        string[] ids = ["a/b", "a%2Fb", "ä", "日本語", "a b", "a#1", "..", new string('x', 512), "\"quoted\"", "line\nbreak"];
        await _host.IngestAsync([.. ids.Select(id => new NewDocument(id, "same words"))]);
        foreach (var id in ids)
            (await _host.Documents.GetAsync(_host.Scope, "c", id, CancellationToken.None)).Value!.Id.ShouldBe(id);
        (await _host.SearchAsync("same words", k: 100)).Select(hit => hit.DocumentId).ShouldBe(ids, ignoreOrder: true);
    }

    [Fact]
    public async Task Delete_OneDocument_IsGoneFromSearchesAtOnce()
    {
        await _host.IngestAsync(new NewDocument("a", "alpha"), new NewDocument("b", "alpha beta"));
        await _host.SearchAsync("alpha");
        (await _host.Documents.DeleteAsync(_host.Scope, "c", "a", CancellationToken.None)).ShouldBeNull();
        (await _host.SearchAsync("alpha")).Single().DocumentId.ShouldBe("b");
        (await _host.Documents.DeleteAsync(_host.Scope, "c", "a", CancellationToken.None))!.Code.ShouldBe("document_not_found");
        (await _host.Documents.GetAsync(_host.Scope, "c", "a", CancellationToken.None)).Error!.Status.ShouldBe(404);
    }

    [Fact]
    public async Task Delete_CollectionAndMadeAgain_SharesNothing()
    {
        await _host.IngestAsync(new NewDocument("a", "alpha"));
        await _host.SearchAsync("alpha");
        var partition = _host.StoredOf().Partition;
        (await _host.Collections.DeleteAsync(_host.Scope, "c", CancellationToken.None)).ShouldBeNull();
        (await _host.TrySearchAsync("alpha")).Error!.Code.ShouldBe("collection_not_found");
        await _host.PutAsync();
        (await _host.SearchAsync("alpha")).ShouldBeEmpty();
        await _host.Service<CollectionUpkeep>().LookAsync(CancellationToken.None);
        (await _host.Store.ListAsync(partition, "", null, 100)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Ingest_CollectionDeletedMeanwhile_StopsAndSaysSo()
    {
        async IAsyncEnumerable<IngestItem> Items()
        {
            for (var i = 0; i < 300; i++)
            {
                if (i == 280)
                    await _host.Collections.DeleteAsync(_host.Scope, "c", CancellationToken.None);
                yield return new IngestItem(new NewDocument($"d{i}", $"text {i}"), null);
            }
        }

        var outcome = await _host.Documents.IngestAsync(_host.Scope, "c", Items(), CollectionHost.Asker, null, CancellationToken.None);
        outcome.Error!.Code.ShouldBe("collection_deleted");
        outcome.Report.Documents.ShouldBe(256);
    }

    [Fact]
    public async Task Ingest_ManyWritersOfOneId_OneWinsAndNothingIsLeft()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => _host.IngestAsync(new NewDocument("a", $"version {i}"), new NewDocument($"own{i}", "own"))));
        (await _host.SearchAsync("version", CollectionSearchMode.Sparse)).Count.ShouldBe(1);
        (await _host.Documents.ListAsync(_host.Scope, "c", null, 100, CancellationToken.None)).Value!.Documents.Count.ShouldBe(9);
        await _host.Service<CollectionUpkeep>().LookAsync(CancellationToken.None);
        await _host.VerifyStoreAsync();
    }

    [Fact]
    public async Task Scope_OtherTenants_SeeNothingAndGlobalIsReadByAll()
    {
        var (other, admin) = (new CollectionScope("u", false), new CollectionScope("admin", true));
        await _host.IngestAsync(new NewDocument("a", "secret of t"));
        (await _host.TrySearchAsync("secret", scope: other)).Error!.Status.ShouldBe(404);
        (await _host.Documents.GetAsync(other, "c", "a", CancellationToken.None)).Error!.Status.ShouldBe(404);
        (await _host.Documents.DeleteAsync(other, "c", "a", CancellationToken.None))!.Status.ShouldBe(404);
        (await _host.Collections.DeleteAsync(other, "c", CancellationToken.None))!.Status.ShouldBe(404);
        _host.Collections.List(other).ShouldBeEmpty();

        (await _host.Collections.PutAsync(other, "g", new CollectionChange { Global = true }, CancellationToken.None)).Error!.Status.ShouldBe(403);
        await _host.PutAsync("g", new CollectionChange { Global = true }, admin);
        (await _host.TrySearchAsync("x", name: "g", scope: other)).Error.ShouldBeNull();
        (await _host.Collections.DeleteAsync(other, "g", CancellationToken.None))!.Status.ShouldBe(403);
        (await _host.Documents.CheckAsync(other, "g", CollectionHost.Asker, CancellationToken.None))!.Status.ShouldBe(403);
        // One's own hides the global one of the same name.
        await _host.PutAsync("g");
        (await _host.IngestAsync("g", [new NewDocument("mine", "mine")])).Error.ShouldBeNull();
        (await _host.SearchAsync("mine", name: "g")).Single().DocumentId.ShouldBe("mine");
        (await _host.TrySearchAsync("mine", name: "g", scope: other)).Results.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("no model", "model_not_found")]
    [InlineData("chunk", "invalid_value")]
    [InlineData("overlap", "invalid_value")]
    [InlineData("weights", "invalid_value")]
    public async Task Put_WrongSettings_AreRefused(string what, string code)
    {
        var change = what switch
        {
            "no model" => new CollectionChange { EmbeddingModel = "none" },
            "chunk" => new CollectionChange { Chunk = new CollectionChunkOptions { Tokens = 8, Overlap = 0 } },
            "overlap" => new CollectionChange { Chunk = new CollectionChunkOptions { Tokens = 64, Overlap = 33 } },
            _ => new CollectionChange { Weights = new CollectionWeightsOptions { Dense = 0, Sparse = 0 } },
        };
        (await _host.Collections.PutAsync(_host.Scope, "x", change, CancellationToken.None)).Error!.Code.ShouldBe(code);
        (await _host.Collections.PutAsync(_host.Scope, ".x", new CollectionChange(), CancellationToken.None)).Error!.Status.ShouldBe(422);
    }

    [Fact]
    public async Task Search_Filter_JudgesMetadata()
    {
        await _host.IngestAsync(
            new NewDocument("a", "alpha one") { Metadata = CollectionHost.Json("""{"lang":"en"}""") },
            new NewDocument("b", "alpha two") { Metadata = CollectionHost.Json("""{"lang":"de"}""") },
            new NewDocument("c", "alpha three"));
        foreach (var mode in Enum.GetValues<CollectionSearchMode>())
        {
            var hit = (await _host.SearchAsync("alpha", mode, filter: """{"lang":"de"}""")).Single();
            hit.DocumentId.ShouldBe("b");
            hit.Metadata!.Value.GetProperty("lang").GetString().ShouldBe("de");
        }

        (await _host.TrySearchAsync("alpha", filter: """{"lang":{"$nope":1}}""")).Error!.Status.ShouldBe(400);
    }

    [Fact]
    public async Task Search_Markdown_GivesHeadingsAndFindsByThem()
    {
        await _host.IngestAsync(new NewDocument("m", "# Guide\n\n## Install\n\nRun the launcher.\n\n## Operate\n\nWatch the gauges.\n") { Markdown = true });
        var hit = (await _host.SearchAsync("install", CollectionSearchMode.Sparse))[0];
        hit.Heading.ShouldBe("Guide > Install");
        hit.Text.ShouldContain("Run the launcher.");
        hit.Text.ShouldNotContain("Guide >");
    }

    [Fact]
    public async Task Search_Hybrid_TellsScoresOfBothParts()
    {
        await _host.IngestAsync(new NewDocument("a", "alpha beta"), new NewDocument("b", "gamma delta"));
        var hit = (await _host.SearchAsync("alpha beta"))[0];
        hit.Score.ShouldBe(1, 1e-6);
        hit.Scores.Dense!.Value.ShouldBeInRange(0.9f, 1.001f);
        hit.Scores.Sparse!.Value.ShouldBeGreaterThan(0);
        var request = new CollectionSearchRequest { Query = "alpha beta", MinScore = 0.999 };
        (await _host.Collections.SearchAsync(_host.Scope, "c", request, CollectionHost.Asker, TimeSpan.FromSeconds(30), CancellationToken.None)).Results.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("", 10, "empty_query")]
    [InlineData("   ", 10, "empty_query")]
    [InlineData("x", 0, "invalid_value")]
    [InlineData("x", 1001, "invalid_value")]
    public async Task Search_WrongRequest_IsRefused(string query, int k, string code) =>
        (await _host.TrySearchAsync(query, k: k)).Error!.Code.ShouldBe(code);

    [Fact]
    public async Task Search_EmptyCollection_FindsNothing()
    {
        foreach (var mode in Enum.GetValues<CollectionSearchMode>())
            (await _host.SearchAsync("anything", mode)).ShouldBeEmpty();
        (await _host.TrySearchAsync(new string('q', CollectionSearchRequest.MostQueryBytes + 1))).Error!.Code.ShouldBe("query_too_large");
    }
}
