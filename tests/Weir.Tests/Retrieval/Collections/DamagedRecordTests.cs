using System.Text;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Storage;
using Weir.State;

namespace Weir.Tests.Retrieval.Collections;

public sealed class DamagedRecordTests
{
    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"id":"b","content":"","bytes":1,"updated":"2026-01-01T00:00:00Z","text":null,"vectors":null}""")]
    public async Task Record_ThatCannotBeRead_IsNamedAndLeftOutUntilItIsSentAgain(string record)
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync();
        await host.IngestAsync(new NewDocument("a", "alpha"), new NewDocument("b", "beta"), new NewDocument("c", "gamma"));
        var (documents, key) = (host.StoredOf(), CollectionDocuments.Key("b"));
        (await documents.CommitAsync([new Write(key, await documents.VersionAsync(key, CancellationToken.None), Encoding.UTF8.GetBytes(record))], CancellationToken.None)).ShouldNotBeNull();

        (await host.SearchAsync("gamma"))[0].DocumentId.ShouldBe("c");
        var view = (await host.Collections.GetAsync(host.Scope, "c", CancellationToken.None)).Value!;
        (view.State, view.Documents).ShouldBe(("degraded", 2));
        view.Detail.ShouldNotBeNull().ShouldContain("1 documents cannot be read");
        (await documents.PageAsync(null, 2, CancellationToken.None)).Select(document => document.Value.Id).ShouldBe(["a", "c"], ignoreOrder: true);

        (await host.IngestAsync(new NewDocument("b", "beta"))).Error.ShouldBeNull();
        (await host.SearchAsync("beta"))[0].DocumentId.ShouldBe("b");
        (await host.Collections.GetAsync(host.Scope, "c", CancellationToken.None)).Value!.State.ShouldBe("ready");
    }

    [Fact]
    public async Task Record_ThatCannotBeRead_CanBeDeleted()
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync();
        await host.IngestAsync(new NewDocument("b", "beta"));
        var (documents, key) = (host.StoredOf(), CollectionDocuments.Key("b"));
        await documents.CommitAsync([new Write(key, await documents.VersionAsync(key, CancellationToken.None), "{"u8.ToArray())], CancellationToken.None);

        (await host.Documents.DeleteAsync(host.Scope, "c", "b", CancellationToken.None)).ShouldBeNull();
        (await host.Documents.DeleteAsync(host.Scope, "c", "b", CancellationToken.None)).ShouldNotBeNull().Status.ShouldBe(404);
    }
}
