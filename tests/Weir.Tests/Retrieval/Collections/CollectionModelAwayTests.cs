using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Search;

namespace Weir.Tests.Retrieval.Collections;

public sealed class CollectionModelAwayTests
{
    [Fact]
    public async Task Search_ModelTakenOutOfTheConfiguration_WordsDecideAndSaySo()
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync();
        await host.IngestAsync(new NewDocument("a", "alpha"), new NewDocument("b", "beta"));
        host.Models.Set(("other", 96));

        var hybrid = await SearchAsync(host, CollectionSearchMode.Hybrid);
        hybrid.Error.ShouldBeNull();
        hybrid.Results[0].DocumentId.ShouldBe("b");
        hybrid.Note.ShouldBe("Words alone decide: The embedding model 'default' of 'c' is not configured here: add it to embeddings.models, or PUT the collection with another embedding_model.");
        hybrid.Dense.ShouldBe(new DenseCoverage(0, 2));

        var error = (await SearchAsync(host, CollectionSearchMode.Dense)).Error.ShouldNotBeNull();
        (error.Status, error.Code).ShouldBe((503, "embedding_model_unavailable"));
        error.Message.ShouldContain("'default'");

        var sparse = await SearchAsync(host, CollectionSearchMode.Sparse);
        (sparse.Error, sparse.Note, sparse.Results.Count).ShouldBe((null, null, 1));
    }

    [Fact]
    public async Task Get_ModelTakenOutOfTheConfiguration_IsDegradedUntilItIsBack()
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync();
        await host.IngestAsync(new NewDocument("a", "alpha"));
        host.Models.Set(("other", 96));
        var view = (await host.Collections.GetAsync(host.Scope, "c", CancellationToken.None)).Value!;
        (view.State, view.Documents).ShouldBe(("degraded", 1));
        view.Detail.ShouldNotBeNull().ShouldContain("'default' of 'c' is not configured here");

        host.Models.Set(("default", 64));
        view = (await host.Collections.GetAsync(host.Scope, "c", CancellationToken.None)).Value!;
        (view.State, view.Detail).ShouldBe(("ready", null));
        (await SearchAsync(host, CollectionSearchMode.Hybrid)).Note.ShouldBeNull();
    }

    private static ValueTask<CollectionSearchResult> SearchAsync(CollectionHost host, CollectionSearchMode mode) => host.Collections.SearchAsync(
        host.Scope, "c", new CollectionSearchRequest { Query = "beta", Mode = mode }, CollectionHost.Asker, TimeSpan.FromSeconds(30), CancellationToken.None);
}
