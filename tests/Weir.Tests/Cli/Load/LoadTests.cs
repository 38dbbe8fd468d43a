using System.CommandLine;
using System.Text.Json;
using Weir.Cli;
using Weir.Cli.Commands;
using Weir.Cli.Load;
using Weir.Simulation;
using Weir.Tests.Flow;
using Weir.Tests.Inference.Support;
using Weir.Tests.Simulation;

namespace Weir.Tests.Cli.Load;

public sealed class LoadTests
{
    private static readonly LoadPlan Plan = new()
    {
        BaseUrl = new Uri("http://127.0.0.1:1/v1"),
        Model = "m",
        Rate = 10,
        Duration = TimeSpan.FromSeconds(1),
        Concurrency = 4,
        PromptTokens = 1,
        MaxTokens = 1,
        SuccessBelow = 0.999,
        LatencyOver = TimeSpan.FromSeconds(2),
    };

    private static LoadSample Good(double milliseconds, double held = 0, double? queued = null) => new(
        "2xx", 200, TimeSpan.FromMilliseconds(milliseconds), null, TimeSpan.FromMilliseconds(held), queued is { } ms ? TimeSpan.FromMilliseconds(ms) : null, 1);

    private static LoadResult Result(double cpu, params (LoadSample Sample, int Count, bool IsLate)[] samples)
    {
        var tally = new LoadTally();
        foreach (var (sample, count, isLate) in samples)
        {
            for (var i = 0; i < count; i++)
            {
                tally.Add(sample, isLate);
            }
        }

        return new LoadResult(Plan, tally, TimeSpan.FromSeconds(10), cpu);
    }

    [Fact]
    public void Percentile_AnyDurations_AreWithinASixtyFourthAbove() => RandomSchedule.Run(50, random =>
    {
        var histogram = new LatencyHistogram();
        var durations = Enumerable.Range(0, 500).Select(_ => TimeSpan.FromMicroseconds(Math.Floor(Math.Exp(random.NextDouble() * 20)))).Order().ToArray();
        foreach (var duration in durations)
        {
            histogram.Add(duration);
        }

        foreach (var share in new[] { 0.01, 0.5, 0.9, 0.99, 1.0 })
        {
            var exact = durations[(int)Math.Ceiling(share * durations.Length) - 1];
            var told = histogram.Percentile(share);
            told.ShouldBeInRange(exact, exact * (1 + (1.0 / 64)));
        }

        histogram.Percentile(1).ShouldBe(histogram.Longest);
    });

    [Fact]
    public void Percentile_NothingOrBeyondAllBounds_IsZeroOrTheLongest()
    {
        var histogram = new LatencyHistogram();
        histogram.Percentile(0.5).ShouldBe(TimeSpan.Zero);
        histogram.Add(TimeSpan.FromDays(3));
        histogram.Percentile(0.5).ShouldBeLessThanOrEqualTo(TimeSpan.FromDays(3));
    }

    [Fact]
    public void Bottleneck_EachCause_IsNamed()
    {
        LoadVerdict.Bottleneck(Result(0.1, (Good(100), 100, false), (Good(100), 100, true))).ShouldBeNull();
        LoadVerdict.Bottleneck(Result(0.9, (Good(100), 100, false))).ShouldNotBeNull().ShouldContain("this client");
        LoadVerdict.Bottleneck(Result(0.1, (Good(100), 90, false), (Good(100) with { Outcome = "4xx", Status = 429 }, 10, false))).ShouldNotBeNull().ShouldContain("429");
        LoadVerdict.Bottleneck(Result(0.1, (Good(400, held: 300), 100, false)) with { MostInFlight = Plan.Concurrency }).ShouldNotBeNull().ShouldContain("--concurrency");
        LoadVerdict.Bottleneck(Result(0.1, (Good(400, held: 300), 100, false)) with { MostInFlight = 3 }).ShouldNotBeNull().ShouldContain("this machine");
        LoadVerdict.Bottleneck(Result(0.1, (Good(400, queued: 300), 100, false))).ShouldNotBeNull().ShouldContain("queue");
        LoadVerdict.Bottleneck(Result(0.1, (Good(100), 100, false), (Good(900), 100, true))).ShouldNotBeNull().ShouldContain("saturated");
    }

    [Fact]
    public void Breaches_EachThreshold_IsToldInASentence()
    {
        LoadVerdict.Breaches(Result(0, (Good(100), 1000, false))).ShouldBeEmpty();
        LoadVerdict.Breaches(Result(0)).ShouldHaveSingleItem().ShouldContain("no request");
        LoadVerdict.Breaches(Result(0, (Good(100), 998, false), (Good(1) with { Outcome = "5xx", Status = 500 }, 2, false))).ShouldHaveSingleItem().ShouldContain("99.8 %");
        LoadVerdict.Breaches(Result(0, (Good(100), 90, false), (Good(3000), 10, false))).ShouldHaveSingleItem().ShouldContain("over 2 s");
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = await CommandLine.RunAsync(new RootCommand { BenchCommand.Create() }, ["bench", "load", .. args], new InvocationConfiguration { Output = output, Error = error });
        return (code, output.ToString(), error.ToString());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Load_ServerThatAnswers_Is0AndTellsAll(bool stream)
    {
        await using var provider = await SimulatedProviderFixture.StartAsync();
        string[] extra = stream ? ["--stream"] : [];

        var (code, output, error) = await RunAsync(
            ["--url", provider.Client.BaseAddress!.ToString(), "--model", "sim-small", "--rate", "100", "--duration", "1s", "--latency-over", "1m", "--json", .. extra]);

        code.ShouldBe(0, output + error);
        var report = JsonDocument.Parse(output).RootElement;
        report.GetProperty("requests").GetInt64().ShouldBeInRange(40, 200);
        report.GetProperty("success").GetDouble().ShouldBe(1);
        report.GetProperty("outcomes").GetProperty("2xx").GetInt64().ShouldBe(report.GetProperty("requests").GetInt64());
        report.GetProperty("tokens_per_second").GetDouble().ShouldBeGreaterThan(0);
        report.GetProperty("latency_ms").GetProperty("p99").GetDouble().ShouldBeGreaterThan(0);
        report.TryGetProperty("first_token_ms", out var first).ShouldBe(stream || first.ValueKind == JsonValueKind.Null);
    }

    [Fact]
    public async Task Load_ServerThatFails_Is1AndSaysWhy()
    {
        await using var provider = await SimulatedProviderFixture.StartAsync(new SimulationOptions { ErrorRate = 1, ErrorStatuses = [503] });

        var (code, output, _) = await RunAsync("--url", provider.Client.BaseAddress + "v1", "--model", "sim-small", "--rate", "50", "--duration", "500ms");

        code.ShouldBe(1);
        output.ShouldContain("5xx");
        output.ShouldContain("first failure  503: {\"error\"");
        output.ShouldContain("BREACHED       success is 0 %, below 99.9 %");
    }

    [Theory]
    [InlineData("""{"error":{"message":"no"}}""", false)]
    [InlineData("a login page", false)]
    [InlineData("""{"choices":[],"error":null}""", true)]
    public async Task Load_AnswerOf200ThatIsNone_IsBroken(string body, bool isGood)
    {
        await using var server = new ScriptedUpstream(exchange => exchange.RespondAsync(200, body));

        var (_, output, _) = await RunAsync("--url", server.BaseUrl, "--model", "m", "--rate", "50", "--duration", "300ms", "--json");

        JsonDocument.Parse(output).RootElement.GetProperty("success").GetDouble().ShouldBe(isGood ? 1 : 0, output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Load_AnswerWithoutEnd_IsBrokenAndBounded(bool stream)
    {
        var block = new string('x', 1 << 20);
        var isReadWhole = false;
        await using var server = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            for (var i = 0; i < 100; i++) await exchange.ChunkAsync("data: " + block);
            isReadWhole = true;
        });
        string[] extra = stream ? ["--stream"] : [];

        var (_, output, _) = await RunAsync(["--url", server.BaseUrl, "--model", "m", "--rate", "20", "--duration", "200ms", "--concurrency", "1", "--json", .. extra]);

        JsonDocument.Parse(output).RootElement.GetProperty("success").GetDouble().ShouldBe(0, output);
        isReadWhole.ShouldBeFalse();
    }

    [Fact]
    public async Task Load_NobodyThere_Is1()
    {
        var (code, output, _) = await RunAsync("--url", "http://127.0.0.1:9/v1", "--model", "m", "--rate", "20", "--duration", "300ms", "--success-below", "1");

        code.ShouldBe(1);
        output.ShouldContain("BREACHED");
    }

    [Theory]
    [InlineData("--rate", "0")]
    [InlineData("--rate", "fast")]
    [InlineData("--duration", "soon")]
    [InlineData("--concurrency", "0")]
    [InlineData("--success-below", "2")]
    [InlineData("--url", "here")]
    public async Task Load_WrongUsage_Is2(string flag, string value) =>
        (await RunAsync("--model", "m", flag, value)).Code.ShouldBe(2);

    [Fact]
    public async Task Load_WithoutModel_Is2() => (await RunAsync()).Code.ShouldBe(2);
}
