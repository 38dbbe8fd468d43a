using System.Buffers;
using Weir.Inference;
using Weir.Inference.Models;
using Weir.Inference.Providers;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Models;

public sealed class ServedModelsTests
{
    private static readonly Func<Exchange, Task> Ok = exchange => exchange.RespondAsync(200, ScriptedUpstream.Answer);

    [Fact]
    public async Task RunAsync_ServedModel_IsAnsweredHereAndReported()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        var own = new Own("mine");
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream), served: own);

        var answer = await gateway.SendAsync("""{"model":"mine","input":"x"}""", Operation.Embeddings);

        answer.Text.ShouldBe("mine");
        answer.Report.Label.ShouldBe("mine");
        answer.Report.Deployment.ShouldBe("weir/mine");
        answer.Report.Provider.ShouldBe("weir");
        answer.Report.Usage.ShouldBe(new TokenUsage(7, 0));
        answer.Report.Cost.ShouldBe(0.5);
        answer.Report.Status.ShouldBe(200);
        answer.Report.FailedBy.ShouldBeNull();
        upstream.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task RunAsync_NameOfARoute_IsTheRoute()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        var own = new Own("fast");
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream), served: own);

        (await gateway.ChatAsync()).Text.ShouldBe(ScriptedUpstream.Answer);

        own.Asked.ShouldBe(0, "a route that was found needs no second look");
    }

    [Fact]
    public async Task RunAsync_NameLikeProviderSlashModel_IsTheServedModelUnlessRoutesAreMeant()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream), served: new Own("a/real-model"));

        (await gateway.SendAsync("""{"model":"a/real-model","input":"x"}""", Operation.Embeddings)).Text.ShouldBe("a/real-model");
        upstream.Requests.ShouldBeEmpty();

        var body = """{"model":"a/real-model","input":"x"}"""u8.ToArray();
        RequestHeadScanner.Scan(body, out var head).ShouldBeNull();
        var request = new InferenceRequest { Operation = Operation.Embeddings, Head = head, Body = body, Tenant = "t", IsForRoutes = true };
        (await gateway.RunAsync(request)).Text.ShouldBe(ScriptedUpstream.Answer);
        upstream.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task RunAsync_OperationThatItDoesNotServe_SaysWhatItIs()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream), served: new Own("mine"));

        var answer = await gateway.SendAsync("""{"model":"mine","messages":[]}""", Operation.ChatCompletions);

        answer.Report.Error!.Status.ShouldBe(422);
        answer.Report.Error.Code.ShouldBe("operation_not_served");
        answer.Report.Error.Message.ShouldContain("'mine' is an embedding model: it serves /v1/embeddings, not /v1/chat/completions");
        answer.Report.Error.Param.ShouldBe("model");
    }

    [Fact]
    public async Task RunAsync_KeyThatMayNotUseIt_IsRefused()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream), served: new Own("mine"));
        var body = """{"model":"mine","input":"x"}"""u8.ToArray();
        RequestHeadScanner.Scan(body, out var head).ShouldBeNull();

        var answer = await gateway.RunAsync(new InferenceRequest { Operation = Operation.Embeddings, Head = head, Body = body, Tenant = "t", MayUse = name => name == "fast" });

        answer.Report.Error!.Code.ShouldBe("model_not_allowed");
    }

    [Fact]
    public async Task Directory_ListsFindsAndHintsAtThem()
    {
        await using var upstream = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream), served: new Own("potion", "fast"));
        var directory = gateway.Get<ModelDirectory>();

        (await directory.ListAsync(null, CancellationToken.None)).ShouldBe([new ModelEntry("fast", "weir"), new ModelEntry("potion", "weir")]);
        (await directory.ListAsync(name => name == "fast", CancellationToken.None)).ShouldBe([new ModelEntry("fast", "weir")]);
        (await directory.FindAsync("potion", null, CancellationToken.None)).Entry.ShouldBe(new ModelEntry("potion", "weir"));
        (await directory.FindAsync("potion", name => name == "fast", CancellationToken.None)).Error!.Status.ShouldBe(403);
        (await directory.FindAsync("portion", null, CancellationToken.None)).Error!.Message.ShouldContain("Did you mean potion?");
    }

    [Fact]
    public async Task IdentityOf_Routes_IsModelAndFirstProviderWhereTheyAgree()
    {
        await using var a = new ScriptedUpstream(Ok);
        await using var b = new ScriptedUpstream(Ok);
        await using var gateway = new GatewayHarness(GatewayHarness.Route(a, b));
        var directory = gateway.Get<ModelDirectory>();

        directory.IdentityOf("fast").ShouldBe(("a", "real-model"));
        directory.IdentityOf("b/other").ShouldBe(("b", "other"));
        directory.IdentityOf("gone").ShouldBeNull();
        var options = GatewayHarness.Route(a, b);
        gateway.Gateway.Apply(options with
        {
            Routes = options.Routes.ToDictionary(
                route => route.Key,
                route => route.Value with { Deployments = [route.Value.Deployments[0], route.Value.Deployments[1] with { Model = "other" }] }),
        });
        directory.IdentityOf("fast").ShouldBeNull();
    }

    private sealed class Own(params string[] names) : IServedModels
    {
        public int Asked { get; private set; }

        public IReadOnlyCollection<string> Names => names;

        public IServedModel? Find(string name)
        {
            Asked++;
            return names.Contains(name) ? new Model(name) : null;
        }
    }

    private sealed class Model(string name) : IServedModel
    {
        public string Name => name;

        public string Kind => "an embedding model";

        public IReadOnlyList<Operation> Operations => [Operation.Embeddings];

        public async ValueTask<InferenceError?> ServeAsync(InferenceRequest request, IAnswer answer, InferenceReport report, CancellationToken clientGone)
        {
            report.Served("weir/" + name, name, new TokenUsage(7, 0), 0.5, null);
            answer.Begin(new AnswerHead(200, "text/plain", name.Length, report));
            answer.Body.Write(System.Text.Encoding.UTF8.GetBytes(name));
            await answer.Body.FlushAsync(clientGone);
            return null;
        }
    }
}
