using System.Net;
using Weir.Client;
using Weir.Tests.Support;

namespace Weir.Tests.Client;

public sealed class WeirConnectionTests
{
    private const string Stats = """{"cache":{"entries":1}}""";
    private const string Problem = """{"type":"about:blank","title":"Too many","status":429,"detail":"The queue is full.","code":"embeddings_overloaded","param":"input"}""";

    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Send_BusyThenWell_WaitsAsLongAsItWasTold()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.TooManyRequests, Problem, ("Retry-After", "7")).Then(HttpStatusCode.OK, Stats);

        var asked = server.Client(Options()).Embeddings.StatsAsync();
        await _time.WhenArmedAsync(2);
        _time.Advance(TimeSpan.FromSeconds(6.9));
        asked.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.2));

        (await asked).GetProperty("cache").GetProperty("entries").GetInt32().ShouldBe(1);
        server.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Send_BusyLongerThanItWaits_SaysSoAtOnce()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.TooManyRequests, Problem, ("Retry-After", "31"), ("x-request-id", "req_1"));

        var error = await Should.ThrowAsync<WeirException>(() => server.Client(Options()).Embeddings.StatsAsync());

        error.ShouldSatisfyAllConditions(
            e => e.Status.ShouldBe(HttpStatusCode.TooManyRequests),
            e => e.Code.ShouldBe("embeddings_overloaded"),
            e => e.Message.ShouldBe("The queue is full."),
            e => e.Param.ShouldBe("input"),
            e => e.RequestId.ShouldBe("req_1"),
            e => e.RetryAfter.ShouldBe(TimeSpan.FromSeconds(31)));
    }

    [Fact]
    public async Task Send_TryingAgainCannotHelp_DoesNot()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.ServiceUnavailable, Problem, ("x-should-retry", "false"));

        await Should.ThrowAsync<WeirException>(() => server.Client(Options()).Embeddings.StatsAsync());

        server.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Send_ToldToTryAgain_DoesAfterAnyStatus()
    {
        var server = new ScriptedServer().Then(HttpStatusCode.Conflict, "{}", ("x-should-retry", "true"), ("Retry-After", "0")).Then(HttpStatusCode.OK, Stats);

        await server.Client(Options()).Embeddings.StatsAsync();

        server.Requests.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("""{"error":{"message":"No such model.","type":"invalid_request_error","param":"model","code":"model_not_found"}}""", "model_not_found", "No such model.")]
    [InlineData("""{"error":{"message":"Denied.","type":"permission_error","code":null}}""", "permission_error", "Denied.")]
    [InlineData("<html>502</html>", "unknown", "Weir answered 404 Not Found.")]
    [InlineData("[]", "unknown", "Weir answered 404 Not Found.")]
    public async Task Send_Refused_ReadsEitherShape(string body, string code, string message)
    {
        var error = await Should.ThrowAsync<WeirException>(() => new ScriptedServer().Then(HttpStatusCode.NotFound, body).Client().Embeddings.StatsAsync());

        (error.Code, error.Message).ShouldBe((code, message));
    }

    [Fact]
    public async Task Send_NobodyThere_TriesAgainThenSaysUnreachable()
    {
        var server = new ScriptedServer();
        for (var i = 0; i < 3; i++)
            server.Then(_ => throw new HttpRequestException("Connection refused"));

        var asked = server.Client(Options()).Embeddings.StatsAsync();
        while (!asked.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        (await Should.ThrowAsync<WeirException>(() => asked)).ShouldSatisfyAllConditions(e => e.Code.ShouldBe("unreachable"), e => e.Status.ShouldBeNull(), e => e.Message.ShouldContain("weir.test"));
        server.Requests.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Send_NoAnswerInTime_IsATimeout()
    {
        var server = new ScriptedServer().Then(async token =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return null!;
        });

        var asked = server.Client(Options()).Embeddings.StatsAsync();
        await Eventually.TrueAsync(() => server.Requests.Count == 1);
        _time.Advance(TimeSpan.FromSeconds(101));

        (await Should.ThrowAsync<WeirException>(() => asked)).Code.ShouldBe("timeout");
    }

    [Fact]
    public async Task Send_Cancelled_IsNoWeirException()
    {
        using var leave = new CancellationTokenSource();
        var server = new ScriptedServer().Then(async token =>
        {
            await leave.CancelAsync();
            token.ThrowIfCancellationRequested();
            return null!;
        });

        await Should.ThrowAsync<OperationCanceledException>(() => server.Client(Options()).Embeddings.StatsAsync(leave.Token));
    }

    [Theory]
    [InlineData("http://h:1", "http://h:1/v1/embeddings/stats")]
    [InlineData("http://h:1/v1/", "http://h:1/v1/embeddings/stats")]
    [InlineData("http://h:1/weir", "http://h:1/weir/v1/embeddings/stats")]
    public async Task Send_AnyFormOfTheUrl_FindsTheApi(string url, string expected)
    {
        var server = new ScriptedServer().Then(HttpStatusCode.OK, "{}");
        using var http = new HttpClient(server) { BaseAddress = new Uri(url) };

        await new WeirClient(http, new() { ApiKey = "weir_k" }).Embeddings.StatsAsync();

        server.Heads[0].RequestUri!.ToString().ShouldBe(expected);
        server.Heads[0].Headers.Authorization!.ToString().ShouldBe("Bearer weir_k");
    }

    [Fact]
    public async Task Send_AnswerOfSomebodyElse_IsInvalid() =>
        (await Should.ThrowAsync<WeirException>(() => new ScriptedServer().Then(HttpStatusCode.OK, "hello").Client().Embeddings.StatsAsync())).Code.ShouldBe("invalid_answer");

    private WeirClientOptions Options() => new() { Time = _time };
}
