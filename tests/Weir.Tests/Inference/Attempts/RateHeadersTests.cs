using System.Net;
using Weir.Inference;
using Weir.Inference.Attempts;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Attempts;

public sealed class RateHeadersTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("1s", 1)]
    [InlineData("6m0s", 360)]
    [InlineData("20ms", 0.02)]
    [InlineData("7.66s", 7.66)]
    [InlineData("2m59.56s", 179.56)]
    [InlineData("1h2m3s", 3723)]
    [InlineData("1d", 86400)]
    [InlineData("500us", 0.0005)]
    [InlineData("0.5", 0.5)]
    [InlineData("60", 60)]
    [InlineData("1893456030", 30)]
    [InlineData("1893456030000", 30)]
    [InlineData("2030-01-01T00:00:10Z", 10)]
    [InlineData("2029-01-01T00:00:10Z", 0)]
    public void Read_KnownForms_AreUnderstood(string text, double seconds) => ResetText.Read(text, Now)!.Value.TotalSeconds.ShouldBe(seconds, 1e-6);

    [Theory]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("1x")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1.2.3s")]
    [InlineData("9999999999h")]
    [InlineData("2030-13-45T00:00:10Z")]
    public void Read_Others_AreNull(string text) => ResetText.Read(text, Now).ShouldBeNull();

    private static RateReading Read(params (string Name, string Value)[] headers)
    {
        using var answer = new HttpResponseMessage(HttpStatusCode.OK);
        foreach (var (name, value) in headers)
        {
            answer.Headers.TryAddWithoutValidation(name, value);
        }

        return RateHeaders.Read(answer.Headers, Now);
    }

    [Fact]
    public void Read_OpenAI_IsBothKinds()
    {
        var reading = Read(
            ("x-ratelimit-limit-requests", "60"), ("x-ratelimit-remaining-requests", "59"), ("x-ratelimit-reset-requests", "1s"),
            ("X-RateLimit-Limit-Tokens", "150000"), ("x-ratelimit-remaining-tokens", "149984"), ("x-ratelimit-reset-tokens", "6m0s"));

        reading.Requests.ShouldBe(new Allowance(59, 60, TimeSpan.FromSeconds(1)));
        reading.Tokens.ShouldBe(new Allowance(149984, 150000, TimeSpan.FromMinutes(6)));
        reading.WaitFor(100).ShouldBeNull();
    }

    [Fact]
    public void Read_Anthropic_TakesTheTightestOfTheTokens()
    {
        var reading = Read(
            ("anthropic-ratelimit-requests-limit", "50"), ("anthropic-ratelimit-requests-remaining", "0"), ("anthropic-ratelimit-requests-reset", "2030-01-01T00:01:00Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "900"), ("anthropic-ratelimit-output-tokens-remaining", "10"));

        reading.Requests.ShouldBe(new Allowance(0, 50, TimeSpan.FromMinutes(1)));
        reading.Tokens!.Value.Remaining.ShouldBe(10);
        reading.WaitFor(5)!.Value.TotalSeconds.ShouldBe(1.2, 1e-6, "the limit fills up evenly: one request in 60 s / 50");
    }

    // Clocks differ by hours where nobody sets them: the provider's moment is one of its own clock.
    [Theory]
    [InlineData("2029-12-31T19:00:30Z")]
    [InlineData("1893438030")]
    [InlineData("1893438030000")]
    public void Read_ProviderWithAnotherClock_MeasuresByIts(string reset) =>
        Read(("date", "Mon, 31 Dec 2029 19:00:00 GMT"), ("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", reset))
            .Requests.ShouldBe(new Allowance(0, null, TimeSpan.FromSeconds(30)));

    [Fact]
    public void Read_NothingOrNonsense_IsEmpty()
    {
        Read().IsEmpty.ShouldBeTrue();
        Read(("x-ratelimit-remaining-requests", "many"), ("x-ratelimit-policy", "1;w=2"), ("x-ratelimit-remaining-audio", "1"), ("x-ratelimit-", "1")).IsEmpty.ShouldBeTrue();
    }

    [Fact]
    public void WaitFor_OnlyTheResetIsKnown_IsAllOfIt()
    {
        new Allowance(0, null, TimeSpan.FromSeconds(9)).WaitFor(1).ShouldBe(TimeSpan.FromSeconds(9));
        new Allowance(0, 10, null).WaitFor(1).ShouldBeNull();
        new Allowance(5, 10, TimeSpan.FromSeconds(10)).WaitFor(1000).ShouldBe(TimeSpan.FromSeconds(10), "more than the limit fits when it is full, if ever");
    }

    private static Func<Exchange, Task> Says(params string[] headers) => exchange => exchange.RespondAsync(200, ScriptedUpstream.Answer, headers);

    [Fact]
    public async Task RunAsync_NothingIsLeft_TheNextRequestWaits()
    {
        await using var upstream = new ScriptedUpstream(
            Says("x-ratelimit-limit-requests: 10", "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 60s"), Says());
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        (await gateway.ChatAsync()).Status.ShouldBe(200);
        gateway.Time.Elapsed.ShouldBe(TimeSpan.Zero);
        var second = await gateway.RunAsync(gateway.ChatAsync());

        second.Status.ShouldBe(200);
        gateway.Time.Elapsed.ShouldBe(TimeSpan.FromSeconds(6));
        second.Report.Attempts.ShouldBe(1);
    }

    [Fact]
    public async Task RunAsync_NothingIsLeftAndAnotherDeployment_GoesThere()
    {
        await using var empty = new ScriptedUpstream(Says("x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 30s"));
        await using var other = new ScriptedUpstream();
        await using var gateway = new GatewayHarness(GatewayHarness.Route(empty, other));

        await gateway.ChatAsync();

        (await gateway.ChatAsync()).Report.Deployment.ShouldBe("b/real-model");
    }

    [Fact]
    public async Task RunAsync_RateLimitedWithoutRetryAfter_WaitsForTheReset()
    {
        await using var upstream = new ScriptedUpstream(
            exchange => exchange.RespondAsync(429, "{}", "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 3s"), Says());
        await using var gateway = new GatewayHarness(GatewayHarness.Route(upstream));

        var running = gateway.ChatAsync();
        var lane = gateway.Tables.Current.Find("fast")!.Deployments[0].State.Lane;
        await Eventually.TrueAsync(() => lane.PausedFor > TimeSpan.Zero && lane.Queued > 0);

        lane.PausedFor.ShouldBe(TimeSpan.FromSeconds(3));
        gateway.Time.Advance(TimeSpan.FromSeconds(3));
        (await running).Status.ShouldBe(200);
    }

    [Fact]
    public void Sent_AsManyAsTheProviderHasLeft_HoldsTheNextBack()
    {
        var time = new ManualTimeProvider();
        using var tables = new RouteTables(time);
        tables.Apply(new InferenceOptions { Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = "http://127.0.0.1:1/v1" } } });
        var state = tables.Current.Find("p/m")!.Deployments[0].State;
        using var answer = new HttpResponseMessage(HttpStatusCode.OK);
        answer.Headers.TryAddWithoutValidation("x-ratelimit-limit-requests", "13");
        answer.Headers.TryAddWithoutValidation("x-ratelimit-remaining-requests", "3");
        answer.Headers.TryAddWithoutValidation("x-ratelimit-reset-requests", "10s");
        state.Believe(answer.Headers, 1);

        state.Sent();
        state.Sent();
        state.IsOpenToAll.ShouldBeTrue();
        state.Sent();
        state.Lane.PausedFor.ShouldBe(TimeSpan.FromSeconds(1), "others have used ten, which come back one a second");
        time.Advance(TimeSpan.FromSeconds(1));
        state.IsOpenToAll.ShouldBeTrue();
        state.Sent();
        state.Lane.PausedFor.ShouldBe(TimeSpan.FromSeconds(1));
    }
}
