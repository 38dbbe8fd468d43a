using Weir.Cli.Run.Progress;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Workers;
using Weir.Tests.Support;

namespace Weir.Tests.Cli.Run.Progress;

public sealed class ProgressTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Line_OfARun_HasRateTimeLeftFailuresAndWaiters()
    {
        var tally = new RunTally(100, 20);
        await using var line = new ProgressLine(tally, TextWriter.Null, isTerminal: false, _time);
        line.Text().ShouldBe("[####----------------] 20/100 20%, 0.0/s, 0 running");

        for (var i = 0; i < 10; i++)
            tally.Finished(Result($"t{i}", i < 2 ? TaskState.Failed : TaskState.Ok), null);
        tally.Runs(5);
        tally.WaitsForLease(3);
        tally.ServerSaid("It is away.");
        _time.Advance(TimeSpan.FromSeconds(5));

        line.Text().ShouldBe("[######--------------] 30/100 30%, 2.0/s, 35 s left, 2 not ok, 5 running, 3 waiting for leases, It is away.");
    }

    [Fact]
    public async Task Line_ThatIsTheFirst_HasTheRateSinceTheStart()
    {
        var tally = new RunTally(200, 0);
        await using var line = new ProgressLine(tally, TextWriter.Null, isTerminal: false, _time);
        for (var i = 0; i < 65; i++)
            tally.Finished(Result($"t{i}", TaskState.Ok), null);
        _time.Advance(TimeSpan.FromSeconds(10));

        line.Text().ShouldBe("[######--------------] 65/200 32%, 6.5/s, 21 s left, 0 running");
    }

    [Fact]
    public void Summary_OfARun_NamesTheSlowestAndTheFailed()
    {
        var tally = new RunTally(5, 1, 1);
        tally.Finished(Result("a", TaskState.Ok, 3, usage: new(5, 6)), null);
        tally.Finished(Result("b", TaskState.Failed, 9, usage: new(1, 1)), "logs/b.log");
        tally.Finished(Result("c", TaskState.Timeout, 1), null);
        var output = new StringWriter { NewLine = "\n" };

        SummaryReport.Of(tally, "r.jsonl", TimeSpan.FromSeconds(75), interrupted: true).Print(output);

        output.ToString().ShouldBe(
            """
            interrupted in 1 min 15 s: 1 ok, 1 failed, 1 timed out, 1 done before, 1 left
              results   r.jsonl
              tokens    6 in, 7 out
              slowest   b (9.0 s), a (3.0 s), c (1.0 s)
              failed    b: why (log: logs/b.log)
              timeout   c: why
                        1 of those done before had not gone well: --retry failed does them again
              The same command does what is left.

            """);
    }

    [Theory]
    [InlineData("5/s", 5)]
    [InlineData("30/m", 0.5)]
    [InlineData("36/h", 0.01)]
    [InlineData("0.5", 0.5)]
    public void Rate_AsPeopleWriteIt_IsRead(string text, double perSecond)
    {
        StartPace.TryParse(text, out var rate).ShouldBeTrue();
        rate.ShouldBe(perSecond, 1e-9);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1/s")]
    [InlineData("5/d")]
    [InlineData("")]
    [InlineData("fast")]
    public void Rate_ThatIsNone_IsRefused(string text) => StartPace.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public async Task Pace_OfAllWorkers_IsTheRate()
    {
        var pace = new StartPace(2, _time);
        var began = 0;
        var workers = Enumerable.Range(0, 3).Select(async _ =>
        {
            for (var i = 0; i < 4; i++)
            {
                await pace.WaitAsync(CancellationToken.None);
                Interlocked.Increment(ref began);
            }
        }).ToList();

        for (var half = 0; half < 11; half++)
        {
            await Eventually.TrueAsync(() => began == half + 1 && _time.ArmedTimers == Math.Min(3, _time.ArmedTimers) && _time.ArmedTimers > 0);
            _time.Advance(TimeSpan.FromSeconds(0.5));
        }

        await Task.WhenAll(workers);
        began.ShouldBe(12);
    }

    private static TaskResult Result(string id, TaskState state, double seconds = 1, TokenUsage? usage = null) =>
        new() { Id = id, Status = state, Attempts = 1, StartedAt = default, Seconds = seconds, Error = state is TaskState.Ok ? null : "why", Usage = usage };
}
