using System.Text.Json;
using Weir.Cli.Run;
using Weir.Cli.Run.Execution;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Tasks;
using Weir.Cli.Run.Workers;
using Weir.Client;
using Weir.Tests.Support;

namespace Weir.Tests.Cli.Run.Execution;

public sealed class CommandExecutorTests : IDisposable
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Lease Lease = new()
    {
        Id = "l1", Fence = 42, State = "ready",
        Resources =
        [
            new() { Id = "rag.0", Kind = "rag", BaseUrl = "http://w/doors/rag.0", Token = "t0" },
            new() { Id = "rag.1", Kind = "rag", BaseUrl = "http://w/doors/rag.1", Token = "t1" },
            new() { Id = "remote:gpu-box.a.0", Kind = "remote:gpu-box", BaseUrl = "http://w/doors/x", Token = "t2" },
        ],
    };

    private readonly RunFolder _folder = new();
    private readonly string _run = Guid.NewGuid().ToString("N");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("cat", """{"id":"a/b","x":"ü"}""")]
    [InlineData("echo hello; echo there", "\"hello\\nthere\"")]
    [InlineData("printf '[1, 2]'", "[1,2]")]
    [InlineData("printf '%s' \"$WEIR_TASK\"", """{"id":"a/b","x":"ü"}""")]
    [InlineData("echo $WEIR_LEASE $WEIR_FENCE $WEIR_URL $WEIR_TASK_ID", "\"l1 42 http://w a/b\"")]
    [InlineData("echo $WEIR_RAG_URL $WEIR_RAG_TOKEN $WEIR_RAG_URL_2 $WEIR_RAG_TOKEN_2", "\"http://w/doors/rag.0 t0 http://w/doors/rag.1 t1\"")]
    [InlineData("echo $WEIR_REMOTE_GPU_BOX_URL $WEIR_REMOTE_GPU_BOX_TOKEN $WEIR_KEY $WEIR_API_KEY", "\"http://w/doors/x t2 k k\"")]
    public async Task Output_OfACommand_IsJsonWhereItIs(string command, string output)
    {
        var outcome = await RunAsync(command);

        (outcome.Status, outcome.ExitCode, outcome.Error).ShouldBe((TaskState.Ok, 0, null));
        JsonSerializer.Serialize(outcome.Output, Plain).ShouldBe(output);
    }

    [Fact]
    public async Task Command_ThatFails_SaysItsCodeAndLastWordsAndKeepsItsLog()
    {
        var outcome = await RunAsync("echo one >&2; echo two >&2; exit 3");

        (outcome.Status, outcome.ExitCode, outcome.Error, outcome.Output).ShouldBe((TaskState.Failed, 3, "It ended with 3: two", null));
        File.ReadAllText(Directory.GetFiles(_folder["logs"]).Single()).ShouldBe("one\ntwo\n");
    }

    [Theory]
    [InlineData("exec definitely-not-there", 127)]
    [InlineData("kill -9 $$", 137)]
    public async Task Command_ThatCannotGoOn_IsAFailure(string command, int code) => (await RunAsync(command)).ExitCode.ShouldBe(code);

    [Fact]
    public async Task Output_OfAnySize_IsBoundAndTheCommandGoesOn()
    {
        var outcome = await RunAsync("head -c 20000000 /dev/zero | tr '\\0' x");

        (outcome.Status, outcome.OutputCut, outcome.Output!.Value.GetString()!.Length).ShouldBe((TaskState.Ok, true, CappedOutput.Capacity));
    }

    [Fact]
    public async Task Timeout_OfATreeThatForksTwiceAndIgnoresTerm_EndsAllOfIt()
    {
        var marker = "86" + Random.Shared.Next(1000, 9999);
        using var now = new CancellationTokenSource();
        now.Cancel();

        var outcome = await RunAsync(
            $"trap '' TERM; (setsid sh -c 'trap \"\" TERM; (setsid sleep {marker} &) ; sleep {marker}' &); (sleep {marker} &); sleep {marker}",
            TimeSpan.FromSeconds(1), new AttemptEnds { Now = now.Token });

        (outcome.Status, outcome.ExitCode).ShouldBe((TaskState.Timeout, null));
        Sleeping(marker).ShouldBe(0);
    }

    [Fact]
    public async Task End_OfACommandThatLeftSomethingRunning_EndsThatToo()
    {
        var marker = "87" + Random.Shared.Next(1000, 9999);

        var outcome = await RunAsync($"(setsid sleep {marker} &) ; sleep {marker} & echo done");

        (outcome.Status, outcome.Output!.Value.GetString()).ShouldBe((TaskState.Ok, "done"));
        Sleeping(marker).ShouldBe(0);
    }

    [Fact]
    public async Task Term_OfACommandThatTidiesUp_IsWaitedFor()
    {
        var outcome = await RunAsync("trap 'echo tidy; exit 0' TERM; echo up; while :; do sleep 0.05; done", TimeSpan.FromSeconds(1));

        (outcome.Status, outcome.Output!.Value.GetString()).ShouldBe((TaskState.Timeout, "up\ntidy"));
    }

    [Fact]
    public async Task Loss_OfTheLease_EndsTheCommand()
    {
        using var lost = new CancellationTokenSource();
        var marker = _folder["up"];
        var running = RunAsync($"touch {marker}; sleep 100", null, new AttemptEnds { Lost = lost.Token, LostReason = () => "it is another's." });
        await Eventually.TrueAsync(() => File.Exists(marker));

        await lost.CancelAsync();

        (await running).Error.ShouldBe("The lease was lost: it is another's.");
    }

    [Fact]
    public async Task Stop_OfTheRun_EndsTheCommandUnrecorded()
    {
        using var stop = new CancellationTokenSource();
        var marker = _folder["up"];
        var running = RunAsync($"touch {marker}; sleep 100", null, new AttemptEnds { Stop = stop.Token });
        await Eventually.TrueAsync(() => File.Exists(marker));

        await stop.CancelAsync();

        (await running).IsStopped.ShouldBeTrue();
    }

    [Theory]
    [InlineData("a-b_c.9", "a-b_c.9")]
    [InlineData("../../etc/passwd", "_.._etc_passwd-")]
    [InlineData(".", "")]
    [InlineData("-rf", "rf-")]
    [InlineData("a b", "a_b-")]
    public void Log_OfAnyId_StaysInItsFolder(string id, string begins)
    {
        var name = TaskLog.NameOf(id);

        name.ShouldStartWith(begins);
        name.ShouldMatch("^[A-Za-z0-9_][A-Za-z0-9._-]*$");
        if (name != id)
            TaskLog.NameOf(id + "x").ShouldNotBe(name);
    }

    [Fact]
    public void Environment_OfATask_HoldsNothingOfOperatorsOrOuterRuns()
    {
        string[] gone = ["WEIR_ADMIN_KEY", "WEIR_LEASE", "WEIR_RAG_TOKEN", "WEIR_RAG_TOKEN_2", "WEIR_VM_URL", "WEIR_VM_URL_3", "WEIR_TASK"];
        string[] kept = ["PATH", "WEIR_URL", "WEIR_KEY", "MY_TOKEN", "OPENAI_API_KEY"];

        gone.ShouldAllBe(name => TaskVariables.IsOthers(name));
        kept.ShouldAllBe(name => !TaskVariables.IsOthers(name));
    }

    [Fact]
    public void Task_TooLongForAVariable_IsOnStandardInputAlone() =>
        TaskVariables.Of(Plan("true"), new RunTask("a", new string('x', 200_000)), null, "r", "m").ShouldNotContainKey("WEIR_TASK");

    private async Task<TaskOutcome> RunAsync(string command, TimeSpan? timeout = null, AttemptEnds? ends = null)
    {
        var (task, _) = TaskLine.Read("""{"id":"a/b","x":"ü"}"""u8.ToArray(), 1);
        return await new CommandExecutor(Plan(command), _run, TimeProvider.System).RunAsync(
            new TaskAttempt(task!, 1, 1, Lease, timeout ?? TimeSpan.FromSeconds(60), new TaskLog(_folder["logs"], task!.Id)), ends ?? new AttemptEnds());
    }

    private static RunPlan Plan(string command) => new() { Url = new Uri("http://w/"), Key = "k", Workers = 1, Command = command };

    private static int Sleeping(string marker) => Directory.GetDirectories("/proc").Count(folder =>
    {
        try
        {
            return File.ReadAllText(folder + "/cmdline").Contains(marker, StringComparison.Ordinal);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    });
}
