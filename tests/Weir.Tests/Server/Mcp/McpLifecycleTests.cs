using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Server.Mcp.Transport;
using Weir.Tests.Server.Mcp.Support;
using static Weir.Tests.Server.Mcp.Support.McpServerUnderTest;

namespace Weir.Tests.Server.Mcp;

public sealed class McpLifecycleTests : IAsyncLifetime
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private McpServerUnderTest _mcp = null!;

    public async ValueTask InitializeAsync() => _mcp = await McpServerUnderTest.StartAsync();

    public ValueTask DisposeAsync() => _mcp.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Round_FromAllocationToRelease_Works(bool inSession)
    {
        var session = inSession ? await _mcp.BeginAsync() : null;
        object kinds = inSession ? new[] { "rag", "vm" } : """["rag","vm"]""";
        var allocated = await _mcp.CallAsync("allocate_batch_resources", new { worker_id = "w", resource_types = kinds, timeout = 5 }, session);
        Failed(allocated).ShouldBeFalse(allocated.ToJsonString());
        var map = allocated["structuredContent"]!.AsObject();
        map.Select(one => one.Key).ShouldBe(["rag", "vm"]);
        JsonNode.DeepEquals(JsonNode.Parse(TextOf(allocated)), map).ShouldBeTrue();
        ((string)map["rag"]!["type"]!).ShouldBe("rag");
        ((string)map["rag"]!["status"]!).ShouldBe("ready");
        ((string)map["vm"]!["base_url"]!).ShouldBe("http://weir/doors/vm.0");
        ((string)map["vm"]!["token"]!).ShouldStartWith("vm.0-lse_");

        var set = await _mcp.CallAsync("setup_batch_resources", new { worker_id = "w", resource_init_configs = new { rag = """{"top_k":3}""", vm = new { size = "800x600" } }, allocated_resources = map }, session);
        ((string)set["structuredContent"]!["status"]!).ShouldBe("success", set.ToJsonString());
        _mcp.Leases.Leases.Single().Value.Holdings[0].Config!.Value.GetProperty("top_k").GetInt32().ShouldBe(3);

        var seen = await _mcp.CallAsync("get_batch_initial_observations", new { worker_id = "w" }, session);
        seen["structuredContent"]!["rag"].ShouldBeNull();
        ((string)seen["structuredContent"]!["vm"]!["text"]!).ShouldBe("a desktop");
        var image = seen["content"]![(int)seen["structuredContent"]!["vm"]!["screenshot"]!["content_index"]!]!;
        ((string)image["type"]!).ShouldBe("image");
        ((string)image["mimeType"]!).ShouldBe("image/png");
        Convert.FromBase64String((string)image["data"]!).ShouldBe([1, 2, 3]);

        var answer = await _mcp.CallAsync("rag_ask", new { worker_id = "w", query = "q", top_k = 2 }, session);
        ((string)answer["structuredContent"]!["resource"]!).ShouldBe("rag.0");
        answer["structuredContent"]!["body"]!.ToJsonString().ShouldBe("""{"query":"q","top_k":2}""");
        ((string)(await _mcp.CallAsync("vm_look", new { worker_id = "w" }, session))["content"]![0]!["type"]!).ShouldBe("image");

        var renewed = await _mcp.CallAsync("renew_lease", new { worker_id = "w", ttl = 60 }, session);
        ((string)renewed["structuredContent"]!["leases"]![0]!["lease_id"]!).ShouldBe((string)map["rag"]!["lease_id"]!);
        _mcp.Leases.Renewals.Single().Ttl.ShouldBe(TimeSpan.FromMinutes(1));

        var released = await _mcp.CallAsync("release_batch_resources", new { worker_id = "w", resource_ids = """["rag.0","vm.0"]""" }, session);
        released["structuredContent"]!.ToJsonString().ShouldBe("""{"status":"success","details":{"rag.0":{"success":true,"message":"Given back."},"vm.0":{"success":true,"message":"Given back."}},"failed_ids":[]}""");
        var again = await _mcp.CallAsync("release_batch_resources", new { worker_id = "w", resource_ids = new[] { "rag.0" } }, session);
        Failed(again).ShouldBeFalse(again.ToJsonString());
        Failed(await _mcp.CallAsync("release_batch_resources", new { worker_id = "w" }, session)).ShouldBeFalse("all of it was given back");
        Failed(await _mcp.CallAsync("rag_ask", new { worker_id = "w", query = "q" }, session)).ShouldBeTrue();
    }

    [Theory]
    [InlineData("allocate_batch_resources", """{"worker_id":"w","resource_types":["none"]}""", "unknown_kind")]
    [InlineData("allocate_batch_resources", """{"worker_id":"w","resource_types":[]}""", "from 1 to 256 entries")]
    [InlineData("allocate_batch_resources", """{"worker_id":"w","resource_types":"rag"}""", "not a list as JSON")]
    [InlineData("allocate_batch_resources", """{"worker_id":"w","resource_types":["rag","rag"]}""", "twice")]
    [InlineData("allocate_batch_resources", """{"resource_types":["rag"]}""", "'worker_id' is missing")]
    [InlineData("allocate_batch_resources", """{"worker_id":"w","resource_types":["rag"],"timeout":-1}""", "from 0 to 86400")]
    [InlineData("allocate_batch_resources", """{"worker_id":"w","resource_types":["rag"],"tiemout":1}""", "'tiemout'")]
    [InlineData("allocate_batch_resources", """{"worker_id":"w","resource_types":["rag"],"timeout":"2m"}""", "'timeout' must be a number")]
    [InlineData("allocate_batch_resources", """{"worker_id":"w","resource_types":["rag"],"ttl":0}""", "from 1 to 86400")]
    [InlineData("allocate_batch_resources", """{"worker_id":"w","resource_types":["rag"],"ttl":"15m"}""", "'ttl' must be a number")]
    [InlineData("allocate_single_resource", """{"worker_id":"w","resource_type":"rag","ttl":86401}""", "from 1 to 86400")]
    [InlineData("renew_lease", """{"worker_id":"w","ttl":0.5}""", "from 1 to 86400")]
    [InlineData("allocate_single_resource", """{"worker_id":"w","resource_type":3}""", "a string")]
    [InlineData("setup_rag_session", """{"worker_id":"w"}""", "allocate_batch_resources")]
    [InlineData("setup_batch_resources", """{"worker_id":"w","resource_init_configs":{"rag":{}}}""", "holds no lease")]
    [InlineData("get_batch_initial_observations", """{"worker_id":"w"}""", "holds no lease")]
    [InlineData("renew_lease", """{"worker_id":"w","fence":3}""", "lease_id")]
    [InlineData("release_batch_resources", """{"worker_id":"w","resource_ids":["rag.99"]}""", "not_found")]
    [InlineData("release_batch_resources", """{"worker_id":"w","resource_ids":["rag.0"]}""", "does not hold it")]
    [InlineData("release_batch_resources", """{"worker_id":"w"}""", "holds no lease")]
    [InlineData("rag_ask", """{"query":"q"}""", "worker_id")]
    [InlineData("rag_ask", """{"worker_id":"w"}""", "'query' is missing")]
    [InlineData("search_tools", """{"query":"q"}""", "no catalog")]
    public async Task Tool_ThatCannotDoIt_FailsAndSaysWhatToDo(string tool, string arguments, string sentence)
    {
        var result = await _mcp.CallAsync(tool, JsonElement.Parse(arguments));
        Failed(result).ShouldBeTrue(result.ToJsonString());
        TextOf(result).ShouldContain(sentence);
    }

    [Fact]
    public async Task List_OfTools_MarksThoseOfTheLifecycle()
    {
        using var answer = await _mcp.PostAsync("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""");
        var tools = Messages(await answer.Content.ReadAsStringAsync()).Single()["result"]!["tools"]!.AsArray().ToDictionary(tool => (string)tool!["name"]!, tool => tool!);
        tools.Where(tool => tool.Value["_meta"]?["weir/lifecycle"] is not null).Select(tool => tool.Key).ShouldBe(
            ["allocate_batch_resources", "allocate_single_resource", "get_batch_initial_observations", "release_batch_resources", "renew_lease", "setup_batch_resources", "setup_rag_session"], ignoreOrder: true);
        tools.Values.ShouldAllBe(tool => (string)tool["inputSchema"]!["type"]! == "object" && ((string)tool["description"]!).Length > 4);
        ((bool)tools["release_batch_resources"]["annotations"]!["destructiveHint"]!).ShouldBeTrue();
        ((bool)tools["rag_ask"]["annotations"]!["readOnlyHint"]!).ShouldBeTrue();
        tools["rag_ask"]["inputSchema"]!["properties"]!.AsObject().Select(one => one.Key).ShouldBe(["query", "top_k", "worker_id", "lease_id", "resource_id"]);
        tools.Keys.ShouldNotContain("extra_ask", "there is no such kind");
        tools.Keys.ShouldNotContain("test_simple_text", "fixtures are off");
    }

    [Fact]
    public async Task Tools_OfKindsThatAKeyMayNotUse_AreNotThere()
    {
        var key = await _mcp.Server.AddKeyAsync(new Weir.Server.Keys.KeyRequest { Roles = ["worker"], Kinds = ["rag"] });
        using var answer = await _mcp.PostAsync("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""", key: key);
        var text = await answer.Content.ReadAsStringAsync();
        text.ShouldContain("rag_ask");
        text.ShouldNotContain("vm_look");
        using var called = await _mcp.PostAsync(_mcp.Call("vm_look", new { worker_id = "w" }), key: key);
        (await called.Content.ReadAsStringAsync()).ShouldContain("-32602");
    }

    [Fact]
    public async Task Use_WithSeveralResources_AsksWhichUnlessTheSessionHasItsOwn()
    {
        await _mcp.CallAsync("allocate_single_resource", new { worker_id = "w", resource_type = "rag" });
        await _mcp.CallAsync("allocate_single_resource", new { worker_id = "w", resource_type = "rag" });
        var unclear = await _mcp.CallAsync("rag_ask", new { worker_id = "w", query = "q" });
        Failed(unclear).ShouldBeTrue();
        TextOf(unclear).ShouldContain("rag.0");
        TextOf(unclear).ShouldContain("rag.1");
        ((string)(await _mcp.CallAsync("rag_ask", new { worker_id = "w", query = "q", resource_id = "rag.1" }))["structuredContent"]!["resource"]!).ShouldBe("rag.1");
        var second = _mcp.Leases.Lease(_mcp.Leases.Resource("rag.1")!.Value.Lease!)!.Value.Id;
        ((string)(await _mcp.CallAsync("rag_ask", new { lease_id = second, query = "q" }))["structuredContent"]!["resource"]!).ShouldBe("rag.1");

        var session = await _mcp.BeginAsync();
        await _mcp.CallAsync("allocate_batch_resources", new { worker_id = "w", resource_types = new[] { "rag" } }, session);
        ((string)(await _mcp.CallAsync("rag_ask", new { query = "q" }, session))["structuredContent"]!["resource"]!).ShouldBe("rag.2");
        ((string)(await _mcp.CallAsync("rag_ask", new { worker_id = "w", query = "q" }, session))["structuredContent"]!["resource"]!).ShouldBe("rag.2");
    }

    [Fact]
    public async Task Setup_ThatIsRefusedForOneKind_IsAPartialError()
    {
        await _mcp.CallAsync("allocate_batch_resources", new { worker_id = "w", resource_types = new[] { "rag", "vm" } });
        _mcp.Leases.Refuse = config => config?.TryGetProperty("collection", out _) is true ? "There is no collection 'nope'." : null;
        var set = await _mcp.CallAsync("setup_batch_resources", new { worker_id = "w", resource_init_configs = new { rag = new { collection = "nope" }, vm = (object?)null, other = new { } } });
        Failed(set).ShouldBeTrue();
        var told = set["structuredContent"]!;
        ((string)told["status"]!).ShouldBe("partial_error");
        ((string)told["details"]!["rag"]!["message"]!).ShouldBe("There is no collection 'nope'.");
        ((bool)told["details"]!["vm"]!["success"]!).ShouldBeTrue();
        ((string)told["details"]!["other"]!["message"]!).ShouldContain("allocate it first");

        _mcp.Leases.Refuse = _ => null;
        var updated = await _mcp.CallAsync("setup_rag_session", new { worker_id = "w", config = """{"top_k":4}""" });
        Failed(updated).ShouldBeFalse(updated.ToJsonString());
        ((string)updated["structuredContent"]!["warning"]!).ShouldContain("deprecated");
        _mcp.Leases.Leases.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Release_OfAnotherWorkersResource_SaysWhoseItIsAndOfAnotherTenantsDoesNot()
    {
        await _mcp.CallAsync("allocate_single_resource", new { worker_id = "a", resource_type = "rag" });
        var refused = await _mcp.CallAsync("release_batch_resources", new { worker_id = "b", resource_ids = new[] { "rag.0" } });
        Failed(refused).ShouldBeTrue();
        refused["structuredContent"]!["failed_ids"]!.ToJsonString().ShouldBe("""["rag.0"]""");
        ((string)refused["structuredContent"]!["details"]!["rag.0"]!["message"]!).ShouldContain("worker 'a' is");
        var stranger = await _mcp.Server.AddKeyAsync("worker");
        var hidden = await _mcp.CallAsync("release_batch_resources", new { worker_id = "b", resource_ids = new[] { "rag.0" } }, key: stranger);
        ((string)hidden["structuredContent"]!["details"]!["rag.0"]!["message"]!).ShouldNotContain("'a'");
    }

    [Fact]
    public async Task Release_OfWhatAnotherWorkerGaveBack_IsAFailure()
    {
        await _mcp.CallAsync("allocate_single_resource", new { worker_id = "a", resource_type = "rag" });
        await _mcp.CallAsync("release_batch_resources", new { worker_id = "a" });
        var refused = await _mcp.CallAsync("release_batch_resources", new { worker_id = "nobody", resource_ids = new[] { "rag.0" } });
        Failed(refused).ShouldBeTrue(refused.ToJsonString());
        refused["structuredContent"]!["failed_ids"]!.ToJsonString().ShouldBe("""["rag.0"]""");
        ((string)refused["structuredContent"]!["details"]!["rag.0"]!["message"]!).ShouldContain("'nobody' does not hold it");
        Failed(await _mcp.CallAsync("release_batch_resources", new { worker_id = "nobody" })).ShouldBeTrue();
        Failed(await _mcp.CallAsync("release_batch_resources", new { worker_id = "a", resource_ids = new[] { "rag.0" } })).ShouldBeFalse();
    }

    [Fact]
    public async Task Release_OfAPartTwiceWhileTheLeaseStands_IsDoneTwice()
    {
        await _mcp.CallAsync("allocate_batch_resources", new { worker_id = "w", resource_types = new[] { "rag", "vm" } });
        foreach (var message in new[] { "Given back.", "It was given back before." })
        {
            var released = await _mcp.CallAsync("release_batch_resources", new { worker_id = "w", resource_ids = new[] { "rag.0" } });
            Failed(released).ShouldBeFalse(released.ToJsonString());
            ((string)released["structuredContent"]!["details"]!["rag.0"]!["message"]!).ShouldBe(message);
        }

        _mcp.Leases.Leases.Single().Value.Holdings.ShouldHaveSingleItem().Resource.ShouldBe("vm.0", "the lease stands");

        // Somebody else has it by now, and keeps it.
        await _mcp.CallAsync("allocate_single_resource", new { worker_id = "other", resource_type = "rag" });
        _mcp.Leases.Resource("rag.0")!.Value.State.ShouldBe(Weir.Leases.Documents.ResourceState.Leased);
        var late = await _mcp.CallAsync("release_batch_resources", new { worker_id = "w", resource_ids = new[] { "rag.0", "vm.0" } });
        late["structuredContent"]!.ToJsonString().ShouldBe(
            """{"status":"success","details":{"rag.0":{"success":true,"message":"It was given back before."},"vm.0":{"success":true,"message":"Given back."}},"failed_ids":[]}""");
        _mcp.Leases.Resource("rag.0")!.Value.State.ShouldBe(Weir.Leases.Documents.ResourceState.Leased);
    }

    [Fact]
    public async Task Wait_WithAProgressToken_TellsThePosition()
    {
        var session = await _mcp.BeginAsync();
        _mcp.Leases.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var answer = await _mcp.PostAsync(_mcp.Call("allocate_batch_resources", new { worker_id = "w", resource_types = new[] { "rag" } }, progressToken: "p"), session);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var told = JsonNode.Parse((await LineWithAsync(reader, "notifications/progress"))["data: ".Length..])!["params"]!;
        ((string)told["progressToken"]!).ShouldBe("p");
        ((string)told["message"]!).ShouldContain("number 2 of those who wait");
        ((double)told["total"]!).ShouldBe(600);
        _mcp.Leases.Hold.SetResult();
        (await LineWithAsync(reader, "\"result\"")).ShouldContain("rag.0");
    }

    [Fact]
    public async Task Wait_ThatItsClientCancels_IsGivenUp()
    {
        var session = await _mcp.BeginAsync();
        _mcp.Leases.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var answer = await _mcp.PostAsync(_mcp.Call("allocate_batch_resources", new { worker_id = "w", resource_types = new[] { "rag" } }, id: 77), session);
        (await _mcp.Leases.Waiting.WaitAsync(Soon)).ShouldBeTrue();
        using var cancelled = await _mcp.PostAsync("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}""", session);
        (await _mcp.Leases.GivenUp.WaitAsync(Soon)).ShouldBeTrue();
    }

    [Theory]
    [InlineData(null)]
    [InlineData(McpServerUnderTest.Old)]
    public async Task Wait_OfAClientThatCannotComeBack_IsGivenUpWhenItLeaves(string? initialize)
    {
        var session = initialize is null ? null : await _mcp.BeginAsync(initialize: initialize);
        _mcp.Leases.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (await _mcp.PostAsync(_mcp.Call("allocate_batch_resources", new { worker_id = "w", resource_types = new[] { "rag" } }), session))
            (await _mcp.Leases.Waiting.WaitAsync(Soon)).ShouldBeTrue();
        (await _mcp.Leases.GivenUp.WaitAsync(Soon)).ShouldBeTrue();
    }

    [Fact]
    public async Task Answer_ThatAClientLost_IsReadAgainFromTheLastEvent()
    {
        var session = await _mcp.BeginAsync();
        _mcp.Leases.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        string id;
        using (var answer = await _mcp.PostAsync(_mcp.Call("allocate_batch_resources", new { worker_id = "w", resource_types = new[] { "rag" } }), session))
        {
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
            id = (await LineWithAsync(reader, "id: "))["id: ".Length..];
            (await _mcp.Leases.Waiting.WaitAsync(Soon)).ShouldBeTrue();
        }

        using var resumed = await _mcp.GetAsync(session, headers: [("Last-Event-ID", id)]);
        _mcp.Leases.Hold.SetResult();
        (await resumed.Content.ReadAsStringAsync()).ShouldContain("rag.0");
        _mcp.Leases.Abandoned.ShouldBeEmpty();
        using var unknown = await _mcp.GetAsync(session, headers: [("Last-Event-ID", "99-1")]);
        ((int)unknown.StatusCode).ShouldBe(400);
    }

    [Fact]
    public async Task Delete_OfASession_GivesBackWhatItAllocated()
    {
        var session = await _mcp.BeginAsync();
        await _mcp.CallAsync("allocate_batch_resources", new { worker_id = "w", resource_types = new[] { "rag", "vm" } }, session);
        await _mcp.CallAsync("allocate_single_resource", new { worker_id = "w", resource_type = "rag" });
        await _mcp.DeleteAsync(session);
        _mcp.Leases.Leases.Count(lease => !lease.Value.HasEnded).ShouldBe(1, "what was allocated outside of it stands");
        _mcp.Server.Service<McpSessions>().Count.ShouldBe(0);
    }

    private static bool Failed(JsonNode result) => (bool?)result["isError"] is true;

    private static async Task<string> LineWithAsync(StreamReader reader, string part)
    {
        using var limit = new CancellationTokenSource(Soon);
        while (await reader.ReadLineAsync(limit.Token) is { } line)
        {
            if (line.Contains(part, StringComparison.Ordinal)) return line;
        }

        throw new InvalidOperationException($"The stream ended without '{part}'.");
    }
}
