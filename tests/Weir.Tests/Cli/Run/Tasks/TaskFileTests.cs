using System.Text;
using Weir.Cli.Run;
using Weir.Cli.Run.Tasks;

namespace Weir.Tests.Cli.Run.Tasks;

public sealed class TaskFileTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_JsonAndPlainLines_AreTasksInOrder()
    {
        using var tasks = Open("\uFEFF{\"id\":\"a\",\"prompt\":\"p\",\"kinds\":{\"rag\":2},\"timeout\":\"90s\",\"labels\":{\"x\":\"y\"}}\r\n\n  tell me a joke \r\n{\"id\":7,\"input\":{\"n\":1},\"kinds\":\"rag,vm\"}\n{\"prompt\":\"no id\",\"timeout\":1.5}");

        tasks.FaultsTotal.ShouldBe(0, string.Join('\n', tasks.Faults));
        Enumerable.Range(0, tasks.Count).Select(index => tasks.Read(index).Id).ShouldBe(["a", "3", "7", "5"]);
        var first = tasks.Read(0);
        (first.Prompt, first.Timeout, first.Labels!["x"]).ShouldBe(("p", TimeSpan.FromSeconds(90), "y"));
        first.Kinds.ShouldBe([new("rag", 2)]);
        tasks.Read(1).Json.ShouldBe("""{"id":"3","prompt":"tell me a joke"}""");
        tasks.Read(2).Prompt.ShouldBe("""{"n":1}""");
        tasks.Read(2).Kinds.ShouldBe([new("rag", 1), new("vm", 1)]);
        tasks.Read(3).Json.ShouldBe("""{"id":"5","prompt":"no id","timeout":1.5}""");
        tasks.HasOwnKinds.ShouldBeTrue();
    }

    [Theory]
    [InlineData("{\"id\":\"a\"", "line 1")]
    [InlineData("{\"id\":\"\"}", "id")]
    [InlineData("{\"id\":null}", "id")]
    [InlineData("{\"id\":\"a\\u0007\"}", "id")]
    [InlineData("{\"id\":\"a\",\"id\":\"b\"}", "JSON")]
    [InlineData("{\"prompt\":5}", "prompt")]
    [InlineData("{\"kinds\":5}", "kinds")]
    [InlineData("{\"kinds\":\"rag=x\"}", "rag=x")]
    [InlineData("{\"kinds\":\"rag=257\"}", "257")]
    [InlineData("{\"kinds\":{\"rag\":200,\"vm\":100}}", "256")]
    [InlineData("{\"kinds\":[\"../x\"]}", "../x")]
    [InlineData("{\"config\":[]}", "config")]
    [InlineData("{\"timeout\":\"soon\"}", "timeout")]
    [InlineData("{\"timeout\":0}", "timeout")]
    [InlineData("{\"timeout\":-1}", "timeout")]
    [InlineData("{\"timeout\":1e9}", "timeout")]
    [InlineData("{\"labels\":{\"a\":1}}", "labels")]
    [InlineData("{\"id\":\"\\ud83d\"}", "line 1: it holds half of a surrogate pair")]
    [InlineData("{\"prompt\":\"\\ud83d\"}", "line 1: it holds half of a surrogate pair")]
    [InlineData("a\n{\"input\":{\"x\":\"\\ude00\"}}", "line 2: it holds half of a surrogate pair")]
    [InlineData("{\"kinds\":\"\\ud83d\"}", "line 1: it holds half of a surrogate pair")]
    [InlineData("{\"kinds\":{\"\\ud83d\":1}}", "line 1: it holds half of a surrogate pair")]
    [InlineData("{\"labels\":{\"a\":\"\\ud83d\"}}", "line 1: it holds half of a surrogate pair")]
    [InlineData("{\"labels\":{\"\\ud83d\":\"a\"}}", "line 1: it holds half of a surrogate pair")]
    [InlineData("{\"timeout\":\"\\ud83d\"}", "line 1: it holds half of a surrogate pair")]
    [InlineData("{\"config\":{\"rag\":{\"x\":\"\\ud83d\"}}}", "line 1: it holds half of a surrogate pair")]
    [InlineData("{\"more\":[\"\\ud83d\"]}", "line 1: it holds half of a surrogate pair")]
    [InlineData("{\"\\ud83d\":1}", "line 1: it holds half of a surrogate pair")]
    [InlineData("{\"id\":\"x\"}\n{\"id\":\"y\"}\n{\"id\":\"x\"}", "line 3: the id 'x' is that of line 1")]
    [InlineData("a\n{\"id\":\"1\"}", "line 2: the id '1' is that of line 1")]
    public void Open_ABadLine_IsToldWithItsNumber(string text, string told)
    {
        using var tasks = Open(text);

        tasks.FaultsTotal.ShouldBe(1);
        tasks.Faults.ShouldHaveSingleItem().ShouldContain(told);
    }

    [Theory]
    [InlineData("{\"config\":{\"vm\":{}}}", "line 1: its config is for 'vm', which it does not lease; it leases rag")]
    [InlineData("{}\n{\"config\":{\"rag\":{},\"vm\":null}}", "line 2: its config is for 'vm'")]
    [InlineData("{\"kinds\":\"vm\",\"config\":{\"rag\":{}}}", "line 1: its config is for 'rag', which it does not lease; it leases vm")]
    [InlineData("{\"kinds\":[],\"config\":{\"rag\":{}}}", "it leases nothing")]
    [InlineData("{\"config\":{\"rag\":{}}}\n{\"kinds\":\"rag,vm=2\",\"config\":{\"vm\":{}}}\n{\"config\":{}}", null)]
    public void Open_AConfigOfAKindThatIsNotLeased_IsAFaultOfItsLine(string text, string? told)
    {
        var plan = new RunPlan { Url = new Uri("http://weir.test/"), Workers = 1, Kinds = [new("rag", 1)] };

        using var tasks = TaskFile.Open(_folder.Write("tasks.jsonl", text), plan.FaultOf);

        if (told is null)
            tasks.Faults.ShouldBeEmpty();
        else
            tasks.Faults.ShouldHaveSingleItem().ShouldContain(told);
    }

    [Fact]
    public void Open_ATaskNestedToTheBound_IsOneAndBeyondItIsTold()
    {
        static string Nested(int levels) => "{\"config\":{\"rag\":" + new string('[', levels) + new string(']', levels) + "}}\n";

        using var tasks = Open(Nested(58) + Nested(59));

        tasks.Count.ShouldBe(1);
        tasks.Read(0).Config!.ToJsonString().ShouldContain("[[");
        tasks.Faults.ShouldHaveSingleItem().ShouldStartWith("line 2: it begins like a JSON object and is none, or nests deeper than 60 levels");
    }

    [Fact]
    public void Open_APlainLineWithSuchAnEscape_IsItsText()
    {
        using var tasks = Open("what is \\ud83d?\n{\"id\":\"a\",\"prompt\":\"\\ud83d\\ude00\"}");

        (tasks.Read(0).Prompt, tasks.Read(1).Prompt).ShouldBe(("what is \\ud83d?", "😀"));
    }

    [Fact]
    public void Open_BytesThatAreNoText_AreTold()
    {
        using var tasks = TaskFile.Open(_folder.Write("t", [0xC3, 0x28, 0x0A]), _ => null);

        tasks.Faults.ShouldHaveSingleItem().ShouldBe("line 1: it is not UTF-8");
    }

    [Fact]
    public void Open_MoreFaultsThanAnybodyReads_AreCounted()
    {
        using var tasks = Open(string.Concat(Enumerable.Repeat("{\n", 250)));

        (tasks.FaultsTotal, tasks.Faults.Count).ShouldBe((250, 100));
    }

    [Fact]
    public void Read_AFileThatWasChanged_IsRefused()
    {
        using var tasks = Open("{\"id\":\"a\"}\n{\"id\":\"b\"}\n");
        _folder.Write("tasks.jsonl", "{\"id\":\"b\"}\n{\"id\":\"a\"}\n");

        Should.Throw<IOException>(() => tasks.Read(1)).Message.ShouldContain("changed");
    }

    [Fact]
    public void Lines_OfAnyLengthAndCut_AreFoundAsTheyStand()
    {
        var random = new Random(7);
        for (var round = 0; round < 50; round++)
        {
            var lines = Enumerable.Range(0, random.Next(1, 20)).Select(_ => new string((char)random.Next('a', 'z'), random.Next(0, 3) == 0 ? random.Next(0, 200_000) : random.Next(0, 50))).ToList();
            var text = string.Join('\n', lines) + (random.Next(2) == 0 ? "\n" : "");
            var bytes = Encoding.UTF8.GetBytes(text);

            using var stream = new Dripping(bytes, random);
            var read = new JsonLines(stream, 100_000);
            var seen = new List<string?>();
            while (read.Read())
            {
                seen.Add(read.IsTooLong ? null : Encoding.UTF8.GetString(read.Line.Span));
                if (!read.IsTooLong)
                    bytes.AsSpan((int)read.Offset, read.Line.Length).SequenceEqual(read.Line.Span).ShouldBeTrue();
            }

            var expected = text.Split('\n').ToList();
            if (expected[^1].Length == 0)
                expected.RemoveAt(expected.Count - 1);
            seen.Count.ShouldBe(expected.Count);
            for (var i = 0; i < expected.Count; i++)
            {
                if (expected[i].Length <= 100_000)
                    seen[i].ShouldBe(expected[i]);
                else
                    (seen[i] ?? expected[i]).ShouldBe(expected[i]);
            }
        }
    }

    private TaskFile Open(string text) => TaskFile.Open(_folder.Write("tasks.jsonl", text), _ => null);

    private sealed class Dripping(byte[] bytes, Random random) : MemoryStream(bytes)
    {
        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, random.Next(1, 40_000)));
    }
}
