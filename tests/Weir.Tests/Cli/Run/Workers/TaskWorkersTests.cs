using System.Collections;
using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Weir.Cli.Run;
using Weir.Cli.Run.Progress;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Tasks;
using Weir.Cli.Run.Workers;
using Weir.Tests.Flow;

namespace Weir.Tests.Cli.Run.Workers;

public sealed class TaskWorkersTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(nameof(TaskState.Failed), false, 3)]
    [InlineData(nameof(TaskState.Failed), true, 1)]
    [InlineData(nameof(TaskState.Timeout), false, 1)]
    [InlineData(nameof(TaskState.Ok), false, 1)]
    public async Task Attempts_OfATask_EndAsTheirOutcomeSays(string state, bool isFinal, int attempts)
    {
        var run = new Trial(_folder, 1, tasks: 1) { Do = (_, _) => Task.FromResult(new TaskOutcome(Enum.Parse<TaskState>(state)) { IsFinal = isFinal, Usage = new(10, 1) }) };

        await run.RunAsync(plan => plan with { Retries = 2 });

        var result = run.Results().ShouldHaveSingleItem();
        (result.GetProperty("attempts").GetInt32(), result.GetProperty("usage").GetProperty("prompt_tokens").GetInt32()).ShouldBe((attempts, 10 * attempts));
        run.World.Free.ShouldBe(1);
        run.World.Keys.Distinct().Count().ShouldBe(attempts);
    }

    [Fact]
    public async Task Timeouts_WhereTheyAreToBeTriedAgain_Are()
    {
        var run = new Trial(_folder, 1, tasks: 1) { Do = (attempt, _) => Task.FromResult(new TaskOutcome(attempt.Number == 1 ? TaskState.Timeout : TaskState.Ok)) };

        await run.RunAsync(plan => plan with { RetryTimeouts = true });

        run.Results().Single().GetProperty("status").GetString().ShouldBe("ok");
    }

    [Theory]
    [InlineData("impossible", HttpStatusCode.UnprocessableEntity)]
    [InlineData("unknown_kind", HttpStatusCode.UnprocessableEntity)]
    [InlineData("initialisation_failed", HttpStatusCode.UnprocessableEntity)]
    [InlineData("kind_not_allowed", HttpStatusCode.Forbidden)]
    [InlineData("malformed", HttpStatusCode.BadRequest)]
    public async Task Lease_ThatIsRefused_FailsTheTaskWithTheReasonAfterOneAttempt(string code, HttpStatusCode status)
    {
        var run = new Trial(_folder, 1, tasks: 1);
        var posts = 0;
        run.World.Before = request => request.Method == HttpMethod.Post && ++posts > 0 ? LeaseWorld.Problem(status, code) : null;

        await run.RunAsync(plan => plan with { Retries = 3 });

        var result = run.Results().Single();
        (result.GetProperty("status").GetString(), result.GetProperty("error").GetString()).ShouldBe(("failed", $"It is {code}."));
        (posts, result.GetProperty("attempts").GetInt32()).ShouldBe((1, 1));
    }

    [Theory]
    [InlineData("throws")]
    [InlineData("unwritable")]
    [InlineData("lease")]
    public async Task Mistake_OverOneTask_IsThatTasksRecordAndNotTheEnd(string mistake)
    {
        var run = new Trial(_folder, 3, tasks: 30)
        {
            Do = (attempt, _) => attempt.Task.Id != "t7" ? Task.FromResult(new TaskOutcome(TaskState.Ok))
                : mistake == "throws" ? throw new InvalidOperationException("It is broken.")
                : Task.FromResult(new TaskOutcome(TaskState.Ok) { Output = JsonDocument.Parse("""{"a":"\ud83d"}""").RootElement }),
        };
        if (mistake == "lease")
        {
            run.World.Before = request => request.Method == HttpMethod.Post && request.Content!.ReadAsStringAsync().Result.Contains("\"t7\"", StringComparison.Ordinal)
                ? throw new InvalidOperationException("It is broken.") : null;
        }

        await run.RunAsync();

        var results = run.Results();
        results.Select(result => result.GetProperty("id").GetString()).Order().ShouldBe(Enumerable.Range(0, 30).Select(i => $"t{i}").Order());
        var bad = results.Where(result => result.GetProperty("status").GetString() != "ok").ShouldHaveSingleItem();
        (bad.GetProperty("id").GetString(), bad.TryGetProperty("output", out _)).ShouldBe(("t7", false));
        bad.GetProperty("error").GetString()!.ShouldContain(mistake == "unwritable" ? "cannot be written as JSON" : "(InvalidOperationException): It is broken.");
        bad.GetProperty("attempts").GetInt32().ShouldBe(mistake == "throws" ? 2 : 1);
        run.World.Free.ShouldBe(3);
    }

    [Fact]
    public async Task Lease_OfAServerThatIsAwayForLong_IsWaitedForAndNoAttemptIsSpent()
    {
        var run = new Trial(_folder, 2, tasks: 4);
        var posts = 0;
        run.World.Before = request => request.Method != HttpMethod.Post ? null
            : Interlocked.Increment(ref posts) switch
            {
                < 4 => throw new HttpRequestException("refused"),
                < 7 => LeaseWorld.Problem(HttpStatusCode.ServiceUnavailable, "unavailable"),
                7 => LeaseWorld.Problem(HttpStatusCode.GatewayTimeout, "wait_expired"),
                _ => null,
            };

        await run.RunAsync();

        run.Results().Select(result => (result.GetProperty("status").GetString(), result.GetProperty("attempts").GetInt32())).ShouldAllBe(seen => seen.Item1 == "ok" && seen.Item2 == 1);
    }

    [Fact]
    public async Task Key_ThatIsRefused_StopsTheRun()
    {
        var run = new Trial(_folder, 2, tasks: 100);
        run.World.Before = _ => LeaseWorld.Problem(HttpStatusCode.Unauthorized, "unauthorized");

        (await Should.ThrowAsync<RunStoppedException>(() => run.RunAsync())).Message.ShouldContain("WEIR_KEY");

        run.Results().ShouldBeEmpty();
    }

    [Fact]
    public async Task Stop_WithTasksUnderWay_RecordsNoneOfThemAndGivesAllBack()
    {
        using var stop = new CancellationTokenSource();
        var running = 0;
        var run = new Trial(_folder, 3, tasks: 50)
        {
            Do = async (attempt, ends) =>
            {
                if (attempt.Serial <= 5)
                    return new TaskOutcome(TaskState.Ok);
                if (Interlocked.Increment(ref running) == 3)
                    await stop.CancelAsync();
                await Task.Delay(Timeout.Infinite, ends.Stop).ContinueWith(_ => { });
                return new TaskOutcome(TaskState.Failed) { IsStopped = true };
            },
        };

        await run.RunAsync(plan => plan with { Workers = 10 }, stop.Token);

        run.Results().Count.ShouldBe(5);
        // As a session does: what was granted to a request in the moment that it was cut off is given back by its label.
        await run.ReleaseLeftAsync();
        run.World.Live().ShouldBeEmpty();
    }

    [Fact]
    public async Task Left_OfAFormerRun_IsGivenBackAndNothingElse()
    {
        var run = new Trial(_folder, 3, tasks: 1);
        var desk = run.Desk("job", "run", plan => plan);
        var other = run.Desk("other", "another", plan => plan);
        var (one, _) = await desk.TakeAsync(1, new RunTask("a", "{}"), 1, CancellationToken.None);
        var (two, _) = await desk.TakeAsync(2, new RunTask("b", "{}"), 1, CancellationToken.None);
        var (three, _) = await other.TakeAsync(1, new RunTask("a", "{}"), 1, CancellationToken.None);

        (await run.Desk("job", "next", plan => plan).ReleaseLeftAsync(CancellationToken.None)).ShouldBe(2);

        run.World.Live().ShouldBe([three!.Lease.Id]);
        foreach (var held in new[] { one, two, three })
            await held!.DisposeAsync();
    }

    [Fact]
    public void Request_OfATask_HasItsKindsConfigAndLabels()
    {
        var run = new Trial(_folder, 1, tasks: 1);
        var desk = run.Desk("job", "run", plan => plan with { Priority = 7, Labels = new Dictionary<string, string> { ["team"] = "x", ["a"] = "plan" } });
        var (task, _) = TaskLine.Read("""{"id":"t","kinds":{"rag":2,"vm":1},"config":{"rag":{"top_k":5}},"labels":{"a":"task"}}"""u8.ToArray(), 1);

        var request = desk.RequestOf(4, task!);

        request.WorkerId.ShouldBe("run-job-4");
        request.Priority.ShouldBe(7);
        request.Resources.Select(resource => (resource.Kind, resource.Count, resource.Config?.ToJsonString())).ShouldBe([("rag", 2, """{"top_k":5}"""), ("vm", 1, null)]);
        request.Labels.ShouldBe(new Dictionary<string, string> { ["team"] = "x", ["a"] = "task", ["weir.run"] = "job", ["weir.task"] = "t" }, ignoreOrder: true);
    }

    [Fact]
    public Task Runs_UnderAnySchedule_RecordEachTaskOnceAndGiveEverythingBack() => RandomSchedule.RunAsync(15, async random =>
    {
        using var folder = new RunFolder();
        var held = 0;
        var capacity = random.Next(1, 8);
        var run = new Trial(folder, capacity, tasks: 60);
        run.World.Ttl = TimeSpan.FromSeconds(2);
        var failing = new Random(random.Next());
        run.World.Before = request =>
        {
            lock (failing)
            {
                return failing.Next(12) switch
                {
                    0 => throw new HttpRequestException("cut"),
                    1 => LeaseWorld.Problem(HttpStatusCode.ServiceUnavailable, "unavailable"),
                    _ => null,
                };
            }
        };
        run.Do = async (attempt, ends) =>
        {
            Interlocked.Increment(ref held).ShouldBeLessThanOrEqualTo(capacity);
            await Task.Yield();
            Interlocked.Decrement(ref held);
            int fate;
            lock (failing)
                fate = failing.Next(10);
            if (fate == 0)
                run.World.End(attempt.Lease!.Id);
            return ends.Stop.IsCancellationRequested ? new TaskOutcome(TaskState.Failed) { IsStopped = true } : new TaskOutcome(fate < 3 ? TaskState.Failed : TaskState.Ok);
        };

        // Interrupted some times, gone on with each time.
        for (var round = random.Next(0, 3); round > 0; round--)
        {
            using var stop = new CancellationTokenSource();
            var after = random.Next(1, 60);
            run.Began = serial =>
            {
                if (serial == after)
                    stop.Cancel();
            };
            await run.RunAsync(plan => plan with { Workers = random.Next(1, 12) }, stop.Token);
            await run.ReleaseLeftAsync();
        }

        run.Began = _ => { };
        await run.RunAsync(plan => plan with { Workers = 6 });

        run.Results().Select(result => result.GetProperty("id").GetString()).Order().ShouldBe(Enumerable.Range(0, 60).Select(i => $"t{i}").Order());
        await run.ReleaseLeftAsync();
        run.World.Free.ShouldBe(capacity);
    });

    /// <summary>A run over a little server.</summary>
    private sealed class Trial : ITaskExecutor
    {
        private readonly RunFolder _folder;
        private readonly HurriedTime _time = new(500);
        private int _runs;

        public Trial(RunFolder folder, int capacity, int tasks)
        {
            (_folder, World) = (folder, new LeaseWorld(capacity));
            folder.Write("t.jsonl", string.Concat(Enumerable.Range(0, tasks).Select(i => $"{{\"id\":\"t{i}\"}}\n")));
        }

        public LeaseWorld World { get; }

        public Func<TaskAttempt, AttemptEnds, Task<TaskOutcome>> Do { get; set; } = (_, _) => Task.FromResult(new TaskOutcome(TaskState.Ok));

        public Action<long> Began { get; set; } = _ => { };

        public Task<TaskOutcome> RunAsync(TaskAttempt attempt, AttemptEnds ends)
        {
            Began(attempt.Serial);
            return Do(attempt, ends);
        }

        public LeaseDesk Desk(string job, string run, Func<RunPlan, RunPlan> change) =>
            new(World.Client(_time).Leases, change(Plan), job, run, new RunTally(1, 0), _time, new Random(3));

        public async Task RunAsync(Func<RunPlan, RunPlan>? change = null, CancellationToken stop = default)
        {
            var plan = (change ?? (same => same))(Plan);
            using var tasks = TaskFile.Open(_folder["t.jsonl"], _ => null);
            var done = new BitArray(tasks.Count);
            ResultsFile.Mend(_folder["r.jsonl"], (key, _) => done[tasks.IndexOf(key)!.Value] = true);
            var tally = new RunTally(tasks.Count, 0);
            await using var results = new ResultWriter(_folder["r.jsonl"]);
            var desk = Desk("job", $"run{++_runs}", _ => plan);
            await new TaskWorkers(plan, tasks, new TaskQueue(done), this, desk, results, tally, _folder["logs"], _time, new Random(5)).RunAsync(stop, CancellationToken.None);
            tally.Running.ShouldBe(0);
            tally.Waiting.ShouldBe(0);
        }

        public async Task ReleaseLeftAsync()
        {
            var before = World.Before;
            World.Before = _ => null;
            await Desk("job", "end", plan => plan).ReleaseLeftAsync(CancellationToken.None);
            World.Before = before;
        }

        public IReadOnlyList<JsonElement> Results() => [.. File.ReadAllLines(_folder["r.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement)];

        private static RunPlan Plan => new() { Url = new Uri("http://weir.test/"), Workers = 4, Kinds = [new("rag", 1)] };
    }
}
