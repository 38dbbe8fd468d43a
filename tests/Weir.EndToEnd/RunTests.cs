using System.Text.Json;
using Weir.EndToEnd.Support;
using Weir.Tests.Support;

namespace Weir.EndToEnd;

/// <summary><c>weir run</c> as people use it: real processes, killed, interrupted and gone on with.</summary>
public sealed class RunTests : IDisposable
{
    private const int Capacity = 10;
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(120);

    private readonly Scratch _scratch = new();

    // Stands in the command line of whatever a task starts, so that what is left can be found.
    private readonly string _mark = "77" + Random.Shared.Next(100_000, 999_999);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Run_Of200TasksOnSessions_KilledOnceAndGoneOnWith_HasEachResultOnceAndFreesAll()
    {
        await using var weir = await UpAsync();
        var tasks = Tasks(200, "the disk filled up");
        string[] command = [tasks, "--workers", "25", "--kinds", "rag", "--exec", $"python3 {Artifacts.Example("run", "agent.py")} {_mark}", "--url", weir.Url, "--ttl", "30s"];

        await using (var first = Run(command))
        {
            await Eventually.TrueAsync(() => first.HasExited || Lines() >= 40);
            first.HasExited.ShouldBeFalse(first.Output);
            first.Signal(ChildProcess.SignalKill);
            await first.ExitAsync(Soon);
        }

        // The guard is quicker than the next command.
        await Eventually.TrueAsync(() => Left() == 0);
        Lines().ShouldBeLessThan(200);
        await using var second = Run(command);
        (await second.ExitAsync(Soon)).ShouldBe(0, second.Output);

        var results = Results();
        results.Select(result => result.GetProperty("id").GetString()).Order().ShouldBe(Enumerable.Range(0, 200).Select(i => $"t{i:000}"));
        results.ShouldAllBe(result => result.GetProperty("status").GetString() == "ok" && result.GetProperty("output").GetProperty("seen").GetInt32() > 0);
        await weir.AllFreeAsync();
    }

    [Fact]
    public async Task Output_ThatIsNoJsonOfTexts_IsOneRecordAndNotTheEndOfTheRun()
    {
        var tasks = Tasks(30, "x");
        var nested = new string('[', 64) + new string(']', 64);

        await using var run = Run([tasks, "--workers", "4", "--exec", $$"""case $WEIR_TASK_ID in t007) printf '%s' '{"a":"\ud83d"}';; t008) echo '{{nested}}';; *) echo 1;; esac"""]);

        (await run.ExitAsync(Soon)).ShouldBe(0, run.Output);
        var results = Results().ToDictionary(result => result.GetProperty("id").GetString()!, result => result.GetProperty("output"));
        results.Count.ShouldBe(30);
        (results["t007"].GetProperty("a").GetString(), results["t008"].GetString()).ShouldBe(("\uFFFD", nested));
    }

    [Fact]
    public async Task Route_ThatTheServerDoesNotHave_IsSaidBeforeAnythingStarts()
    {
        await using var weir = await UpAsync();

        await using var run = Run([Tasks(5, "x"), "--kinds", "rag", "--route", "nope/none", "--url", weir.Url]);

        (await run.ExitAsync(Soon)).ShouldBe(2, run.Output);
        run.Output.ShouldContain("nope/none");
        Lines().ShouldBe(0);
    }

    [Fact]
    public async Task Interrupt_OfARun_EndsWhatIsUnderWayAndGivesItsLeasesBack()
    {
        await using var weir = await UpAsync();
        var tasks = Tasks(30, "x");
        string[] command = [tasks, "--workers", "15", "--kinds", "rag", "--url", weir.Url, "--exec"];

        // Five are quick, whichever come first; ten hold all sessions, and five wait for one.
        await using (var first = Run([.. command, $"for i in 1 2 3 4 5; do mkdir {_scratch.Path}/quick$i 2>/dev/null && exec echo quick; done; sleep {_mark}"]))
        {
            await Eventually.TrueAsync(() => Lines() == 5 && Left() >= Capacity);
            first.Signal(2);
            (await first.ExitAsync(Soon)).ShouldBe(130, first.Output);
            first.Output.ShouldContain("interrupted");
        }

        Left().ShouldBe(0);
        Lines().ShouldBe(5);
        await weir.AllFreeAsync();
        await using var second = Run([.. command, "echo slow"]);
        (await second.ExitAsync(Soon)).ShouldBe(0, second.Output);
        Results().Count.ShouldBe(30);
    }

    [Fact]
    public async Task CtrlC_InATerminal_StopsTheRunAndNotItsServer()
    {
        await using var weir = await UpAsync();
        var tasks = Tasks(8, "x");
        // A terminal of its own, in which the key is pressed as soon as two tasks are done. The run is to hear of it, and not what it started.
        const string Terminal = """
            import os, pty, sys
            child, terminal = pty.fork()
            if child == 0:
                os.execvp(sys.argv[1], sys.argv[1:])
            said, pressed = b"", False
            while True:
                try:
                    part = os.read(terminal, 65536)
                except OSError:
                    break
                if not part:
                    break
                said += part
                if not pressed and b"2/8 25%" in said:
                    pressed = True
                    os.write(terminal, b"\x03")
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            print(said.decode(), "exit", code)
            """;
        string[] command =
        [
            "dotnet", Artifacts.WeirDll, "run", tasks, "--workers", "6", "--kinds", "rag", "--url", weir.Url, "--exec",
            $"for i in 1 2; do mkdir {_scratch.Path}/quick$i 2>/dev/null && exec echo quick; done; trap 'echo heard > {_scratch.Path}/heard' INT; sleep {_mark}",
        ];

        var (code, output) = await ChildProcess.RunAsync("python3", ["-c", Terminal, .. command], _scratch.Path, Soon);

        code.ShouldBe(0, output);
        output.ShouldContain("stopping; what is under way is ended");
        output.ShouldContain("exit 130");
        File.Exists(Path.Combine(_scratch.Path, "heard")).ShouldBeFalse();
        (Left(), Lines()).ShouldBe((0, 2));
        await weir.AllFreeAsync();
    }

    [Fact]
    public async Task Example_AsItsDocumentSays_Works()
    {
        await using var weir = await Server.UpAsync(_scratch, "--config", _scratch.Write(
            "weir.json", File.ReadAllText(Artifacts.Example("run", "weir.json")).Replace("./examples", Artifacts.Root + "/examples", StringComparison.Ordinal)));
        var tasks = _scratch.Write("tasks.jsonl", File.ReadAllText(Artifacts.Example("run", "tasks.jsonl")));

        await using var run = Run([tasks, "--kinds", "rag", "--url", weir.Url, "--exec", $"python3 {Artifacts.Example("run", "agent.py")}"]);

        (await run.ExitAsync(Soon)).ShouldBe(0, run.Output);
        Results().Select(result => result.GetProperty("id").GetString()).Order().ShouldBe(File.ReadLines(tasks).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()).Order());
        Results().ShouldAllBe(result => result.GetProperty("output").GetProperty("best").GetProperty("text").GetString() != "");
        await weir.AllFreeAsync();
    }

    [Fact]
    public async Task Tasks_OnStandardInput_AreDoneOnceToo()
    {
        var command = $"seq 1 5 | dotnet {Artifacts.WeirDll} run - --out {_scratch.Path}/out.jsonl --rate 20/s --exec 'echo $WEIR_TASK_ID'";

        for (var round = 0; round < 2; round++)
        {
            var (code, output) = await ChildProcess.RunAsync("bash", ["-euo", "pipefail", "-c", command], _scratch.Path, Soon);
            code.ShouldBe(0, output);
        }

        File.ReadLines(Path.Combine(_scratch.Path, "out.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("output").GetInt32()).Order().ShouldBe([1, 2, 3, 4, 5]);
    }

    [Fact]
    public async Task Agent_BuiltIn_AsksItsKnowledgeAndTheModel()
    {
        await using var sim = await Server.SimAsync(_scratch);
        await using var weir = await UpAsync(
            $$""" "providers": { "sim": { "base_url": "{{sim.BaseUrl}}" } }, "routes": { "smart": { "deployments": [ { "provider": "sim", "model": "sim-small" } ] } }, """);
        var tasks = _scratch.Write("tasks.jsonl", """{"id":"a","prompt":"call query_knowledge_base with {\"query\":\"the disk filled up\"}"}""" + "\nhello there\n");

        await using var run = Run([tasks, "--kinds", "rag", "--route", "smart", "--url", weir.Url]);

        (await run.ExitAsync(Soon)).ShouldBe(0, run.Output);
        run.Output.ShouldContain("tokens");
        var results = Results().ToDictionary(result => result.GetProperty("id").GetString()!);
        (results["a"].GetProperty("steps").GetInt32(), results["2"].GetProperty("steps").GetInt32()).ShouldBe((2, 1));
        results["a"].GetProperty("usage").GetProperty("total_tokens").GetInt32().ShouldBeGreaterThan(0);
        File.ReadAllText(Path.Combine(_scratch.Path, "tasks.logs", "a.log")).ShouldContain("disk");
        await weir.AllFreeAsync();
    }

    [Fact]
    public async Task Timeout_OfATreeThatLeavesItsSessionAndIgnoresTerm_EndsAllOfIt()
    {
        var tasks = _scratch.Write("tasks.jsonl", "one\n");

        await using var run = Run(
            [tasks, "--timeout", "1s", "--exec", $"trap '' TERM; (setsid sh -c 'trap \"\" TERM; (setsid sleep {_mark} &); sleep {_mark}' &); (setsid sleep {_mark} &); sleep {_mark}"]);

        (await run.ExitAsync(Soon)).ShouldBe(1, run.Output);
        Left().ShouldBe(0);
        Results().Single().GetProperty("status").GetString().ShouldBe("timeout");
    }

    [Fact]
    public async Task Kill_OfTheRun_EndsItsCommandsToo()
    {
        var tasks = Tasks(4, "x");
        await using var run = Run([tasks, "--workers", "4", "--exec", $"(setsid sleep {_mark} &) ; sleep {_mark}"]);
        await Eventually.TrueAsync(() => Left() >= 12);

        run.Signal(ChildProcess.SignalKill);

        await run.ExitAsync(Soon);
        await Eventually.TrueAsync(() => Left() == 0);
    }

    [Fact]
    public async Task Tasks_ThatAreBad_AreToldAndNothingStarts()
    {
        var tasks = _scratch.Write("tasks.jsonl", "{\"id\":\"a\"}\n{oops\n{\"id\":\"a\"}\n");

        await using var run = Run([tasks, "--exec", $"touch {_scratch.Path}/started"]);

        (await run.ExitAsync(Soon)).ShouldBe(2);
        run.Output.ShouldContain("line 2: ");
        run.Output.ShouldContain("line 3: the id 'a' is that of line 1 too");
        File.Exists(Path.Combine(_scratch.Path, "started")).ShouldBeFalse();
    }

    [Fact]
    public async Task Server_ThatIsNotThere_IsSaidAtOnce()
    {
        await using var run = Run([Tasks(3, "x"), "--kinds", "rag", "--url", $"http://127.0.0.1:{FreePort.Next()}", "--exec", "true"]);

        (await run.ExitAsync(Soon)).ShouldBe(1);
        run.Output.ShouldContain("nothing answers at");
    }

    [Fact]
    public async Task Runs_OnOneResultsFile_RefuseEachOther()
    {
        var tasks = Tasks(1, "x");
        await using var first = Run([tasks, "--exec", $"sleep {_mark}"]);
        await Eventually.TrueAsync(() => Left() > 0);

        await using var second = Run([tasks, "--exec", "true"]);

        (await second.ExitAsync(Soon)).ShouldBe(1);
        second.Output.ShouldContain("Another run");
        first.Signal();
        (await first.ExitAsync(Soon)).ShouldBe(130);
    }

    [Fact]
    public async Task Failed_AskedForAgain_AreDoneAgainAndStandOnce()
    {
        var tasks = Tasks(6, "x");
        string[] command = [tasks, "--retries", "0", "--json", "--exec", $"case $WEIR_TASK_ID in t003) test -f {_scratch.Path}/mended;; *) true;; esac"];
        await using (var first = Run(command))
            (await first.ExitAsync(Soon)).ShouldBe(1, first.Output);
        await using (var same = Run(command))
            (await same.ExitAsync(Soon)).ShouldBe(1, same.Output);
        _scratch.Write("mended", "");

        await using var again = Run([.. command, "--retry", "failed"]);

        (await again.ExitAsync(Soon)).ShouldBe(0, again.Output);
        again.Output.ShouldContain("\"before\":5");
        Results().Select(result => result.GetProperty("id").GetString()).Order().ShouldBe(Enumerable.Range(0, 6).Select(i => $"t{i:000}"));
    }

    private ChildProcess Run(string[] arguments) => new("dotnet", [Artifacts.WeirDll, "run", .. arguments], _scratch.Path);

    private Task<Server> UpAsync(string more = "") => Server.UpAsync(_scratch, "--config", _scratch.Write(
        "weir.json",
        $$"""
        {
          {{more}}
          "embeddings": { "models": { "default": { "kind": "hashing", "dimensions": 384 } } },
          "collections": { "notes": { "embedding_model": "default", "load": "{{Artifacts.Example("knowledge", "notes.jsonl")}}" } },
          "kinds": { "rag": { "capacity": {{Capacity}}, "collection": "notes" } }
        }
        """));

    private string Tasks(int count, string prompt) =>
        _scratch.Write("tasks.jsonl", string.Concat(Enumerable.Range(0, count).Select(i => $"{{\"id\":\"t{i:000}\",\"prompt\":\"{prompt}\"}}\n")));

    private string ResultsPath => Path.Combine(_scratch.Path, "tasks.results.jsonl");

    private int Lines() => File.Exists(ResultsPath) ? File.ReadLines(ResultsPath).Count() : 0;

    private List<JsonElement> Results() => [.. File.ReadLines(ResultsPath).Select(line => JsonDocument.Parse(line).RootElement)];

    // The processes of tasks alone: the command line of the run names the mark as well.
    private int Left() => Directory.GetDirectories("/proc").Count(folder =>
    {
        try
        {
            var line = File.ReadAllText(folder + "/cmdline");
            return line.Contains(_mark, StringComparison.Ordinal) && !line.Contains("weir.dll", StringComparison.Ordinal);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    });
}
