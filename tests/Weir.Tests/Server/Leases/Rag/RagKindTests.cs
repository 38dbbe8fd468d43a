using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.Retrieval.Collections;
using Weir.Server.Keys;
using Weir.Server.Leases.Rag;

namespace Weir.Tests.Server.Leases.Rag;

public sealed class RagKindTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private RagKind _kind = null!;
    private string _secret = "";
    private LeaseSession _session = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        var (record, secret) = await _server.AddKeyRecordAsync(new KeyRequest { Roles = ["worker"], Tenant = "acme" });
        (_secret, _session) = (secret, new LeaseSession("l1", 7, "w", "acme", record.Id));
        _kind = new RagKind(_server.Service<KnowledgeCollections>(), ActivatorUtilities.CreateInstance<RagAsker>(_server.App.Services));
        await SendAsync("PUT", "/v1/collections/c", "{}", _secret);
        await SendAsync("POST", "/v1/collections/c/documents", """
            [{"id":"a","text":"The gearbox is oiled every spring.","metadata":{"lang":"en","year":2024}},
             {"id":"b","text":"Das Getriebe wird im Herbst gewartet.","metadata":{"lang":"de","year":2024}},
             {"id":"c","text":"The brakes are bled in spring.","metadata":{"lang":"en","year":2020}}]
            """, _secret);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("""{"collection":"c"}""")]
    [InlineData("""{"collection":"c","top_k":3,"search_type":"sparse","filter":{"lang":"en"},"min_score":0.1}""")]
    [InlineData("\"{\\\"collection\\\":\\\"c\\\"}\"")]
    [InlineData("""{"collection":"c","top_k":null}""")]
    public async Task Initialise_ConfigThatFits_TellsWhatIsSearched(string config)
    {
        var (details, error) = await _kind.InitialiseAsync(Session(), Parse(config), default);
        error.ShouldBeNull();
        details!.Value.GetProperty("collection").GetString().ShouldBe("c");
        details.Value.GetProperty("documents").GetInt32().ShouldBe(3);
        details.Value.GetProperty("chunks").GetInt32().ShouldBe(3);
        details.Value.GetProperty("embedding_model").GetString().ShouldBe("default");
    }

    [Theory]
    [InlineData("""{"colection":"c"}""", "invalid_value", "'colection' is not known here")]
    [InlineData("""{"collection":"c","top_k":0}""", "invalid_value", "top_k must be")]
    [InlineData("""{"collection":"c","top_k":"many"}""", "invalid_value", "top_k must be")]
    [InlineData("""{"collection":"c","search_type":"fuzzy"}""", "invalid_value", "search_type must be")]
    [InlineData("""{"collection":"c","filter":{"$near":1}}""", "invalid_value", "$near")]
    [InlineData("""{"collection":"c","filter":7}""", "invalid_value", "filter must be")]
    [InlineData("""{"collection":"none"}""", "collection_not_found", "'none'")]
    [InlineData("""{"collection":"no such name"}""", "invalid_value", "collection must be")]
    [InlineData("[1]", "invalid_value", "must be an object")]
    [InlineData("\"{oops\"", "invalid_value", "not JSON")]
    [InlineData("null", "invalid_value", "name one in the config")]
    public async Task Initialise_ConfigThatDoesNotFit_IsRefusedWithTheReason(string config, string code, string message)
    {
        var (_, error) = await _kind.InitialiseAsync(Session(), Parse(config), default);
        error!.Code.ShouldBe(code);
        error.Message.ShouldContain(message);
    }

    [Fact]
    public async Task Initialise_CollectionOfAnotherTenant_IsNotThereAndOneForAllIs()
    {
        var other = Session() with { Session = _session with { Tenant = "other" } };
        (await _kind.InitialiseAsync(other, Parse("""{"collection":"c"}"""), default)).Error!.Code.ShouldBe("collection_not_found");
        await SendAsync("PUT", "/v1/collections/all", """{"global":true}""", _server.AdminKey);
        (await _kind.InitialiseAsync(other, Parse("""{"collection":"all"}"""), default)).Error.ShouldBeNull();
    }

    [Fact]
    public async Task Query_WhereCallLeaseAndKindSayHowMany_TheNearestCounts()
    {
        (await QueryAsync(Session(new KindOptions { Collection = "c" }), """{"query":"spring"}""")).Count.ShouldBe(3);
        (await QueryAsync(Session(new KindOptions { Collection = "c", TopK = 2 }), """{"query":"spring"}""")).Count.ShouldBe(2);
        (await QueryAsync(Session(new KindOptions { Collection = "c", TopK = 2 }, """{"top_k":1}"""), """{"query":"spring"}""")).Count.ShouldBe(1);
        (await QueryAsync(Session(new KindOptions { Collection = "c", TopK = 2 }, """{"top_k":1}"""), """{"query":"spring","top_k":3}""")).Count.ShouldBe(3);
    }

    [Fact]
    public async Task Query_FiltersOfLeaseAndCall_BothHold()
    {
        var session = Session(new KindOptions { Collection = "c" }, """{"filter":{"lang":"en"}}""");
        (await QueryAsync(session, """{"query":"spring"}""")).ShouldBe(["a", "c"], ignoreOrder: true);
        (await QueryAsync(session, """{"query":"spring","filter":{"year":{"$gt":2021}}}""")).ShouldBe(["a"]);
        (await QueryAsync(session, """{"query":"Getriebe","filter":{"lang":"de"}}""")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Query_ThreeWaysOfSearching_AreAllThere()
    {
        var session = Session(new KindOptions { Collection = "c" });
        foreach (var type in (string[])["dense", "sparse", "hybrid"])
            (await QueryAsync(session, $$"""{"query":"gearbox oiled","search_type":"{{type}}"}"""))[0].ShouldBe("a");
        (await QueryAsync(session, """{"query":"gearbox","search_type":"sparse"}""")).ShouldBe(["a"]);
    }

    [Fact]
    public async Task Query_Several_AreAnsweredInTheirOrderEachForItself()
    {
        var reply = await UseAsync(Session(new KindOptions { Collection = "c" }), """{"queries":["brakes"," ","Getriebe"],"top_k":1,"search_type":"sparse"}""");
        reply.Error.ShouldBeNull();
        var results = Body(reply).GetProperty("results").EnumerateArray().ToList();
        results.Count.ShouldBe(3);
        results[0].GetProperty("results")[0].GetProperty("document_id").GetString().ShouldBe("c");
        results[1].GetProperty("error").GetProperty("code").GetString().ShouldBe("empty_query");
        results[2].GetProperty("query").GetString().ShouldBe("Getriebe");
        results[2].GetProperty("results")[0].GetProperty("document_id").GetString().ShouldBe("b");
    }

    [Theory]
    [InlineData("""{"query":""}""", "empty_query")]
    [InlineData("""{"queries":[]}""", "invalid_value")]
    [InlineData("""{"query":"a","queries":["b"]}""", "invalid_value")]
    [InlineData("""{"top_k":3}""", "invalid_value")]
    [InlineData("""{"query":7}""", "invalid_value")]
    [InlineData("""{"query":"a","collection":"c"}""", "invalid_value")]
    [InlineData("""{"query":"a","top_k":1001}""", "invalid_value")]
    [InlineData("[]", "malformed")]
    public async Task Query_BodyOfTheWrongShape_IsRefused(string body, string code) =>
        (await UseAsync(Session(new KindOptions { Collection = "c" }), body)).Error!.Code.ShouldBe(code);

    [Fact]
    public async Task Query_KeyThatIsGone_IsRefused()
    {
        var session = Session(new KindOptions { Collection = "c" });
        (await QueryAsync(session, """{"query":"spring"}""")).ShouldNotBeEmpty();
        await _server.Service<KeyStore>().RevokeAsync(_session.KeyId, default);
        await _server.Service<KeyRing>().WhenAsync(table => !table.Contains(_session.KeyId), TimeSpan.FromSeconds(30), TimeProvider.System, default);
        (await UseAsync(session, """{"query":"spring"}""")).Error!.Code.ShouldBe("key_revoked");
        (await _kind.InitialiseAsync(session, null, default)).Error!.Status.ShouldBe(403);
    }

    [Fact]
    public async Task Query_KeyThatMayNotUseTheModel_IsRefusedFromTheStart()
    {
        var (record, _) = await _server.AddKeyRecordAsync(new KeyRequest { Roles = ["worker"], Tenant = "acme", Routes = ["fast"] });
        var session = Session(new KindOptions { Collection = "c" }) with { Session = _session with { KeyId = record.Id } };
        (await _kind.InitialiseAsync(session, null, default)).Error!.Code.ShouldBe("model_not_allowed");
        (await UseAsync(session, """{"query":"spring"}""")).Error!.Code.ShouldBe("model_not_allowed");
    }

    [Fact]
    public async Task Use_OtherThanQueryAndHealth_IsNotFound()
    {
        var session = Session(new KindOptions { Collection = "c" });
        (await _kind.UseAsync(session, new KindCall("health", null), default)).Error.ShouldBeNull();
        (await _kind.UseAsync(session, new KindCall("query", null), default)).Error!.Status.ShouldBe(404);
        (await _kind.UseAsync(session, new KindCall("drop", Parse("{}")), default)).Error!.Status.ShouldBe(404);
    }

    [Fact]
    public async Task Observe_SaysWhatMayBeSearched() =>
        (await _kind.ObserveAsync(Session(new KindOptions { Collection = "c" }, """{"top_k":4}"""), default)).Value!.Text!.ShouldContain("'c' of 3 documents");

    [Fact]
    public async Task Use_KindThatWasEnded_StaysOnTheCollectionItBeganOn()
    {
        var begun = Session(new KindOptions { Collection = "c" });
        var (details, _) = await _kind.InitialiseAsync(begun, null, default);
        // The definition is gone, and what it said with it.
        var session = Session(new KindOptions()) with { Details = details };

        (await QueryAsync(session, """{"query":"gearbox","search_type":"sparse"}""")).ShouldBe(["a"]);
        (await _kind.UseAsync(session, new KindCall("health", null), default)).Error.ShouldBeNull();
        (await _kind.ObserveAsync(session, default)).Value!.Text!.ShouldContain("'c' of 3 documents");
        (await _kind.InitialiseAsync(session, null, default)).Error!.Message.ShouldContain("name one in the config", Case.Sensitive, "another config is judged by itself");
    }

    [Fact]
    public async Task Tools_Call_IsAQueryOfTheirWay()
    {
        _kind.Tools.Select(tool => tool.Name).ShouldBe(["query_knowledge_base_dense", "query_knowledge_base_sparse", "query_knowledge_base_hybrid"]);
        var call = _kind.Tools[1].Call(Parse("""{"query":"gearbox","top_k":2}"""));
        call.Method.ShouldBe("POST");
        var reply = await _kind.UseAsync(Session(new KindOptions { Collection = "c" }), call, default);
        Body(reply).GetProperty("results").GetArrayLength().ShouldBe(1);
    }

    [Fact]
    public void Faults_OfADefinition_NameEachSetting() =>
        RagKind.Sort.FaultsOf("rag", new KindOptions { Capacity = 1, Collection = "no name", TopK = 0, Size = "800x600" }).Select(fault => fault.Setting).ShouldBe(["collection", "top_k", "size"]);

    private LeasedResource Session(KindOptions? options = null, string? config = null) => new(
        new ResourceRecord { Id = "rag.0", Kind = "rag", Slot = "0", State = ResourceState.Leased, Lease = "l1" }, options ?? new KindOptions(), _session, config is null ? null : Parse(config));

    private ValueTask<KindReply> UseAsync(LeasedResource session, string body) => _kind.UseAsync(session, new KindCall("query", Parse(body)), default);

    private async Task<List<string>> QueryAsync(LeasedResource session, string body)
    {
        var reply = await UseAsync(session, body);
        reply.Error.ShouldBeNull();
        return [.. Body(reply).GetProperty("results").EnumerateArray().Select(hit => hit.GetProperty("document_id").GetString()!)];
    }

    private async Task SendAsync(string method, string path, string body, string key)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await _server.SendAsync(new HttpMethod(method), path, key, content);
        response.IsSuccessStatusCode.ShouldBeTrue(await response.Content.ReadAsStringAsync());
    }

    private static JsonElement Body(KindReply reply) => Parse(Encoding.UTF8.GetString(reply.Body.Span));

    private static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
