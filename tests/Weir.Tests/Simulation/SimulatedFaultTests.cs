using System.Net;
using System.Net.Sockets;
using Weir.Simulation;
using static Weir.Tests.Simulation.SimulatedProviderFixture;

namespace Weir.Tests.Simulation;

public sealed class SimulatedFaultTests
{
    private const string ChatPath = "/v1/chat/completions";
    private const string Streamed = ""","stream":true""";

    [Fact]
    public async Task Reset_BeforeTheHeaders_IsATcpReset()
    {
        await using var sim = await StartAsync(new SimulationOptions { ResetRate = 1 });

        var failed = await Should.ThrowAsync<HttpRequestException>(() => sim.PostAsync(ChatPath, Chat("x")));

        Root(failed).ShouldBeOfType<SocketException>().SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
        await sim.ShouldEventuallyEndAsync("reset");
    }

    [Theory]
    [InlineData("")]
    [InlineData(Streamed)]
    public async Task Hang_UntilTheClientLeaves_HasNoHeaders(string rest)
    {
        await using var sim = await StartAsync(new SimulationOptions { HangRate = 1 });
        using var leave = new CancellationTokenSource();
        var asked = sim.PostAsync(ChatPath, Chat("x", rest), leave.Token);
        await sim.ReadAsync();

        asked.IsCompleted.ShouldBeFalse();
        await leave.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => asked);
        await sim.ShouldEventuallyEndAsync("hang");
    }

    [Theory]
    [InlineData("")]
    [InlineData(Streamed)]
    public async Task Cut_PartWay_BreaksTheBodyOff(string rest)
    {
        await using var sim = await StartAsync(new SimulationOptions { CutRate = 1 });
        var received = new MemoryStream();
        var cuts = 0;

        // A reset overtakes what its receiver has not read yet: a client that is slow may see nothing of an answer.
        while (received.Length == 0)
        {
            (++cuts).ShouldBeLessThan(100);
            try
            {
                using var response = await sim.PostAsync(ChatPath, Chat("x", rest));
                response.StatusCode.ShouldBe(HttpStatusCode.OK);
                await using var body = await response.Content.ReadAsStreamAsync();
                await Should.ThrowAsync<IOException>(() => body.CopyToAsync(received));
            }
            catch (HttpRequestException fault)
            {
                Root(fault).ShouldBeOfType<SocketException>().SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
            }
        }

        await sim.ShouldEventuallyEndAsync("cut", cuts);
    }

    [Theory]
    [InlineData("")]
    [InlineData(Streamed)]
    public async Task Stall_PartWay_SendsSomethingThenNothingUntilTheClientLeaves(string rest)
    {
        await using var sim = await StartAsync(new SimulationOptions { StallRate = 1 });
        using (var response = await sim.PostAsync(ChatPath, Chat("x", rest)))
        {
            await using var body = await response.Content.ReadAsStreamAsync();
            var buffer = new byte[64 * 1024];
            (await body.ReadAsync(buffer)).ShouldBeGreaterThan(0);
            (await sim.StatsAsync())["in_flight"]!.GetValue<int>().ShouldBe(1);
        }

        await sim.ShouldEventuallyEndAsync("stall");
    }

    [Fact]
    public async Task Truncate_Stream_EndsCleanlyWithoutItsTerminator()
    {
        await using var sim = await StartAsync(new SimulationOptions { TruncateRate = 1 });

        var events = await sim.EventsAsync(ChatPath, Chat("x", Streamed));

        events.ShouldNotBeEmpty();
        events.ShouldAllBe(line => line.StartsWith("data: {") && line.Contains("\"finish_reason\":null"));
        await sim.ShouldEventuallyEndAsync("truncated");
    }

    [Fact]
    public async Task Truncate_NotStreamed_IsAnsweredWhole()
    {
        await using var sim = await StartAsync(new SimulationOptions { TruncateRate = 1 });

        await sim.AskAsync(ChatPath, Chat("x"));

        await sim.ShouldEventuallyEndAsync("answered");
    }

    [Fact]
    public async Task Error_Drawn_HasItsStatusAndOpenAIsShape()
    {
        await using var sim = await StartAsync(new SimulationOptions { ErrorRate = 1, ErrorStatuses = [503] });

        var answer = await sim.AskAsync(ChatPath, Chat("x", Streamed), HttpStatusCode.ServiceUnavailable);

        ((string)answer["error"]!["type"]!).ShouldBe("server_error");
        await sim.ShouldEventuallyEndAsync("error");
    }

    [Fact]
    public async Task ClientThatLeaves_MidStream_IsCountedAsCancelled()
    {
        await using var sim = await StartAsync(new SimulationOptions { TokensPerSecond = 20, AnswerTokens = 10_000 });
        using (var response = await sim.PostAsync(ChatPath, Chat("x", Streamed)))
        {
            await using var body = await response.Content.ReadAsStreamAsync();
            (await body.ReadAsync(new byte[100])).ShouldBeGreaterThan(0);
        }

        await sim.ShouldEventuallyEndAsync("cancelled");
    }

    [Fact]
    public async Task Stop_WithHangingRequests_DoesNotWaitForThem()
    {
        var sim = await StartAsync(new SimulationOptions { HangRate = 1 });
        var asked = sim.PostAsync(ChatPath, Chat("x"));
        await sim.ReadAsync();
        sim.StopsWithin = Timeout.InfiniteTimeSpan;

        await sim.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));

        await Should.ThrowAsync<Exception>(() => asked);
    }

    /// <summary>The faults of a run are those of the sequence, however the requests interleave.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(42)]
    public async Task Faults_ManyAtOnce_AreThoseOfTheSeed(long seed)
    {
        const int Requests = 400;
        var options = new SimulationOptions { Seed = seed, ErrorRate = 0.2, ResetRate = 0.1, CutRate = 0.1, TruncateRate = 0.1 };
        await using var sim = await StartAsync(options);

        await Parallel.ForEachAsync(Enumerable.Range(0, Requests), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, stop) =>
        {
            try
            {
                using var response = await sim.PostAsync(ChatPath, Chat($"p{i}", Streamed), stop);
                await response.Content.ReadAsByteArrayAsync(stop);
            }
            catch (Exception fault) when (fault is HttpRequestException or IOException)
            {
                // Resets and cuts.
            }
        });

        var fates = Enumerable.Range(1, Requests).Select(i => Weir.Simulation.Faults.Fate.Draw(options, i).Kind.ToString()).CountBy(kind => kind).ToDictionary();
        await sim.ShouldEventuallyEndAsync("answered", fates["Answer"]);
        var outcomes = (await sim.StatsAsync())["outcomes"]!;
        ((int)outcomes["error"]!).ShouldBe(fates["Error"]);
        ((int)outcomes["reset"]!).ShouldBe(fates["Reset"]);
        ((int)outcomes["cut"]!).ShouldBe(fates["Cut"]);
        ((int)outcomes["truncated"]!).ShouldBe(fates["Truncate"]);
    }

    [Fact]
    public async Task Streams_ManyAtOncePaced_AllArriveWhole()
    {
        await using var sim = await StartAsync(new SimulationOptions { TokensPerSecond = 50, AnswerTokens = 20 });

        var streams = await Task.WhenAll(Enumerable.Range(0, 500).Select(async i => (Prompt: $"prompt {i}", Events: await sim.EventsAsync(ChatPath, Chat($"prompt {i}", Streamed)))));

        streams.ShouldAllBe(stream => stream.Events.Length == 23 && stream.Events.Last() == "data: [DONE]");
        streams.ShouldAllBe(stream => stream.Events[3].Contains(SimulatedProviderTests.Fingerprint(stream.Prompt)));
        await sim.ShouldEventuallyEndAsync("answered", 500);
    }

    private static Exception Root(Exception fault) => fault.InnerException is { } inner ? Root(inner) : fault;
}
