using System.Buffers;
using System.Text;
using Weir.Inference.Relay;
using Weir.Tests.Flow;

namespace Weir.Tests.Inference.Relay;

public sealed class UsageChunkFilterTests
{
    private const string Usage = """data: {"id":"1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}""";

    private static string Filter(params string[] pieces)
    {
        var filter = new UsageChunkFilter();
        var output = new ArrayBufferWriter<byte>();
        foreach (var piece in pieces)
        {
            filter.Write(Encoding.UTF8.GetBytes(piece), output);
        }

        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    public void Write_UsageChunk_IsTakenOutWithItsBorder(string end) =>
        Filter($"data: {{\"a\":1}}{end}{end}{Usage}{end}{end}data: [DONE]{end}{end}").ShouldBe($"data: {{\"a\":1}}{end}{end}data: [DONE]{end}{end}");

    [Theory]
    [InlineData("""data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":3}}""")]
    [InlineData("""data: {"choices":[],"usage":null}""")]
    [InlineData("""data: {"choices":[],"prompt_filter_results":[{"usage":{}}]}""")]
    [InlineData("""data: {"choices":[{"delta":{"content":"\"choices\":[],\"usage\":{}"}}],"usage":null}""")]
    [InlineData("""data: {"usage":{}}""")]
    [InlineData("""data: {"choices":[],"usage":{""")]
    [InlineData(""": "choices":[],"usage":{}""")]
    [InlineData("data: [DONE]")]
    [InlineData("")]
    public void Write_AnythingElse_StaysByteForByte(string line) => Filter($"{line}\n\n").ShouldBe($"{line}\n\n");

    [Fact]
    public void Write_EventWithOtherLines_KeepsThemAndLosesItsData() =>
        Filter($"id: 7\n{Usage}\n\ndata: x\n\n").ShouldBe("id: 7\n\ndata: x\n\n");

    [Fact]
    public void Write_CutAnywhereBetweenLines_IsTheSame() => RandomSchedule.Run(200, random =>
    {
        var lines = new List<string>();
        var expected = new StringBuilder();
        for (var i = 0; i < 20; i++)
        {
            var isUsage = random.Next(3) == 0;
            lines.AddRange([(isUsage ? Usage : $"data: {{\"choices\":[{{\"n\":{i}}}]}}") + "\n", "\n"]);
            expected.Append(isUsage ? "" : lines[^2] + "\n");
        }

        var pieces = new List<string> { "" };
        foreach (var line in lines)
        {
            pieces[^1] += line;
            if (random.Next(2) == 0)
            {
                pieces.Add("");
            }
        }

        Filter([.. pieces]).ShouldBe(expected.ToString());
    });

    [Theory]
    [InlineData("""{"choices":[{"delta":{"content":"hello"}}]}""", 5)]
    [InlineData("""{"choices":[{"delta": {"role": "assistant", "content": "a\"b"}}]}""", 4)]
    [InlineData("""{"choices":[{"delta":{"role":"assistant","content":null}}]}""", 0)]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\"a\":1"}}]}}]}""", 8)]
    [InlineData("""{"choices":[{"text":"abc","index":0}]}""", 3)]
    [InlineData("""{"type":"response.output_text.delta","delta":"abcd"}""", 4)]
    [InlineData("""{"type":"response.output_text.done","text":"abcd"}""", 0)]
    [InlineData("""{"type":"content_block_delta","delta":{"type":"text_delta","text":"ab"}}""", 2)]
    [InlineData("""{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{}"}}""", 2)]
    [InlineData("""{"delta":{"content":"cut off""", 7)]
    [InlineData("""{"delta":{"content":"cut\""", 4)]
    [InlineData("[DONE]", 0)]
    public void DeltaLength_EachDialect_IsTheTextAlone(string data, int bytes) => DeltaLength.Of(Encoding.UTF8.GetBytes(data)).ShouldBe(bytes);
}
