using System.Text;
using System.Text.Json;
using Weir.Cli.Run.Results;
using Weir.Cli.Run.Tasks;

namespace Weir.Tests.Cli.Run.Results;

public sealed class ResultsFileTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Mend_TornAtAnyByte_KeepsWhatIsWholeAndCanBeAppendedTo()
    {
        byte[] whole = [.. Result("a").ToLine(), .. Result("ü\n") .ToLine(), .. Result("c", TaskState.Failed).ToLine()];
        for (var length = 0; length <= whole.Length; length++)
        {
            var path = _folder.Write("r.jsonl", whole[..length]);
            var keys = new List<UInt128>();

            var found = ResultsFile.Mend(path, (key, _) =>
            {
                keys.Add(key);
                return true;
            });
            File.AppendAllText(path, "{\"id\":\"d\",\"status\":\"ok\"}\n");

            found.Kept.ShouldBe(keys.Count);
            var ids = File.ReadAllLines(path).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!).ToList();
            ids.ShouldBe([.. new[] { "a", "ü\n", "c" }.Take(found.Kept), "d"], $"cut at {length}");
            ids[..^1].Select(TaskKey.Of).ShouldBe(keys);
        }
    }

    [Fact]
    public void Mend_AHoleThatAPowerCutLeft_IsTakenOut()
    {
        var path = _folder.Write("r.jsonl", [.. Result("a").ToLine(), .. new byte[100], (byte)'\n', .. Result("b").ToLine(), .. new byte[50]]);

        var found = ResultsFile.Mend(path, (_, _) => true);

        (found.Kept, found.Torn).ShouldBe((2, 2));
        File.ReadAllLines(path).Length.ShouldBe(2);
    }

    [Fact]
    public void Mend_RecordsThatAreDoneAgain_AreTakenOutInOneStep()
    {
        var path = _folder.Write("r.jsonl", [.. Result("a").ToLine(), .. Result("b", TaskState.Timeout).ToLine(), .. Result("c").ToLine(), .. "{\"id\":\"d\","u8]);
        // Of a rewrite that was killed.
        _folder.Write("r.jsonl.new", "half");

        var found = ResultsFile.Mend(path, (_, state) => state is TaskState.Ok);

        found.ShouldBe(new ResultsState(2, 1, 1));
        Encoding.UTF8.GetString(File.ReadAllBytes(path)).ShouldBe(Encoding.UTF8.GetString([.. Result("a").ToLine(), .. Result("c").ToLine()]));
        File.Exists(path + ".new").ShouldBeFalse();
    }

    [Theory]
    [InlineData("{\"id\":\"a\"}\n")]
    [InlineData("hello\n")]
    [InlineData("{\"id\":\"a\",\"status\":\"fine\"}\n{\"id\":\"b\",\"status\":\"ok\"}\n")]
    public void Mend_ALineThatNoCrashExplains_IsRefusedAndLeft(string text)
    {
        var path = _folder.Write("r.jsonl", text);

        Should.Throw<FormatException>(() => ResultsFile.Mend(path, (_, _) => false)).Message.ShouldContain("Line 1");

        File.ReadAllText(path).ShouldBe(text);
    }

    [Fact]
    public async Task Append_FromManyAtOnce_IsOneWholeLineEach()
    {
        await using (var writer = new ResultWriter(_folder["r.jsonl"]))
            await Task.WhenAll(Enumerable.Range(0, 500).Select(i => Task.Run(() => writer.AppendAsync(Result($"t{i}").ToLine()))));

        var seen = new HashSet<UInt128>();
        ResultsFile.Mend(_folder["r.jsonl"], (key, state) => seen.Add(key) && state is TaskState.Ok).ShouldBe(new ResultsState(500, 0, 0));
    }

    [Fact]
    public void Line_OfAResult_IsAsDocumented()
    {
        var line = Encoding.UTF8.GetString(new TaskResult
        {
            Id = "a", Status = TaskState.Ok, Output = JsonSerializer.SerializeToElement("häh\n<b>"), Attempts = 2, StartedAt = DateTimeOffset.UnixEpoch, Seconds = 1.25, ExitCode = 0,
            Lease = "l", Usage = new(3, 4), Steps = 2,
        }.ToLine());

        line.ShouldBe("""{"id":"a","status":"ok","output":"häh\n<b>","exit_code":0,"attempts":2,"started_at":"1970-01-01T00:00:00+00:00","seconds":1.25,"lease":"l","steps":2,"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}""" + "\n");
    }

    [Fact]
    public void Mark_OfOneFile_IsHeldByOneRunAndNamesTheFormer()
    {
        string job, run;
        using (var first = RunMark.Take(_folder["r.run"]))
        {
            (job, run) = (first.Job, first.Run);
            first.Former.ShouldBeNull();
            first.Sign();
            Should.Throw<IOException>(() => RunMark.Take(_folder["r.run"])).Message.ShouldContain("Another run");
        }

        using var second = RunMark.Take(_folder["r.run"]);
        (second.Job, second.Former).ShouldBe((job, run));
        second.Run.ShouldNotBe(run);
    }

    [Fact]
    public void Mark_CutOff_IsANewJob()
    {
        _folder.Write("r.run", "{\"jo");

        using var mark = RunMark.Take(_folder["r.run"]);

        mark.Former.ShouldBeNull();
    }

    private static TaskResult Result(string id, TaskState state = TaskState.Ok) => new() { Id = id, Status = state, Attempts = 1, StartedAt = DateTimeOffset.UnixEpoch, Seconds = 0.5 };
}
