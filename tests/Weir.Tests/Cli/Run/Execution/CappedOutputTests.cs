using System.Text;
using System.Text.Json;
using Weir.Cli.Run.Execution;
using Weir.Cli.Run.Results;

namespace Weir.Tests.Cli.Run.Execution;

public sealed class CappedOutputTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"a":"\ud83d"}""", """{"a":"�"}""")]
    [InlineData("""{"\ude00":[1,"\ud83d\ude00 \\ud83d"]}""", """{"�":[1,"\uD83D\uDE00 \\ud83d"]}""")]
    [InlineData("no JSON: \\ud83d", "\"no JSON: \\\\ud83d\"")]
    [InlineData("""{"a":1,"a":2}""", """{"a":1,"a":2}""")]
    [InlineData("[1,", "\"[1,\"")]
    [InlineData("1e99999", "1e99999")]
    public async Task Output_OfWhateverACommandPrints_IsARecordThatIsReadAgain(string printed, string output) => await CheckAsync(printed, output);

    [Theory]
    [InlineData(63, false)]
    [InlineData(64, true)]
    [InlineData(65, true)]
    [InlineData(100_000, true)]
    public async Task Output_NestedDeeperThanARecordHolds_IsText(int levels, bool isText)
    {
        var nested = new string('[', levels) + new string(']', levels);

        await CheckAsync(nested, isText ? $"\"{nested}\"" : nested);
    }

    [Fact]
    public async Task Output_OfBytesThatAreNoText_HoldsReplacements()
    {
        var output = new CappedOutput();
        await output.ReadAsync(new MemoryStream([(byte)'"', 0xED, 0xA0, 0xBD, (byte)'"', (byte)'\n']));

        var line = Encoding.UTF8.GetString(Record(output.ToJson()).ToLine());

        JsonDocument.Parse(line).RootElement.GetProperty("output").GetString().ShouldBe("\"���\"");
    }

    private async Task CheckAsync(string printed, string expected)
    {
        var output = new CappedOutput();
        await output.ReadAsync(new MemoryStream(Encoding.UTF8.GetBytes(printed + "\n")));

        var line = Record(output.ToJson()).ToLine();

        Encoding.UTF8.GetString(line).ShouldContain($"\"output\":{expected},");
        var kept = ResultsFile.Mend(_folder.Write("r.jsonl", line), (_, state) => state is TaskState.Ok);
        kept.ShouldBe(new ResultsState(1, 0, 0));
    }

    private static TaskResult Record(JsonElement? output) => new() { Id = "a", Status = TaskState.Ok, Output = output, Attempts = 1, StartedAt = DateTimeOffset.UnixEpoch, Seconds = 1 };
}
