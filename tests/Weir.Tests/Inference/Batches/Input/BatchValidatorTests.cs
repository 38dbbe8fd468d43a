using System.Text;
using Weir.Inference.Batches;
using Weir.Inference.Batches.Documents;
using Weir.Inference.Batches.Input;
using Weir.Tests.Inference.Batches.Support;

namespace Weir.Tests.Inference.Batches.Input;

public sealed class BatchValidatorTests
{
    private static readonly string Good = BatchHarness.Line(1);

    public static TheoryData<string, string, string?> Bad { get; } = new()
    {
        { "", "empty_file", null },
        { "not json", "invalid_json_line", null },
        { "[]", "invalid_json_line", null },
        { "{", "invalid_json_line", null },
        { Good + "x", "invalid_json_line", null },
        { "   ", "empty_line", null },
        { """{"custom_id":"a","custom_id":"b"}""", "invalid_json_line", "custom_id" },
        { """{"method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}""", "invalid_custom_id", "custom_id" },
        { """{"custom_id":"","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}""", "invalid_custom_id", "custom_id" },
        { """{"custom_id":7,"method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}""", "invalid_custom_id", "custom_id" },
        { """{"custom_id":"\ud800","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}""", "invalid_json_line", null },
        { $$$"""{"custom_id":"{{{new string('x', 513)}}}","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}""", "invalid_custom_id", "custom_id" },
        { """{"custom_id":"a","url":"/v1/chat/completions","body":{"model":"m"}}""", "invalid_method", "method" },
        { """{"custom_id":"a","method":"GET","url":"/v1/chat/completions","body":{"model":"m"}}""", "invalid_method", "method" },
        { """{"custom_id":"a","method":"POST","body":{"model":"m"}}""", "mismatched_url", "url" },
        { """{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"m"}}""", "mismatched_url", "url" },
        { """{"custom_id":"a","method":"POST","url":"/v1/chat/completions"}""", "invalid_body", "body" },
        { """{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":"x"}""", "invalid_body", "body" },
        { """{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{}}""", "invalid_body", "body.model" },
        { """{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":1}}""", "invalid_body", "body.model" },
        { """{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","stream":true}}""", "stream_not_supported", "body.stream" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task Validate_BadLine_SaysWhat(string text, string code, string? param)
    {
        var fault = (await ValidateAsync(text)).Faults.ShouldHaveSingleItem();

        (fault.Code, fault.Param).ShouldBe((code, param));
        fault.Line.ShouldBe(code == "empty_file" ? null : 1);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("")]
    [InlineData("\r\n")]
    public async Task Validate_MarkAndLineEndsOfAnySort_AreAccepted(string end)
    {
        var validation = await ValidateAsync($"\uFEFF{BatchHarness.Line(1)}\r\n{BatchHarness.Line(2)}\n{BatchHarness.Line(3)}{end}");

        validation.Faults.ShouldBeEmpty();
        validation.Lines.ShouldBe(3);
    }

    [Fact]
    public async Task Validate_EveryFault_HasItsLine()
    {
        var validation = await ValidateAsync($"{BatchHarness.Line(1)}\n\nnope\n{BatchHarness.Line(1)}\n{BatchHarness.Line(2)}\n\n");

        validation.Faults.Select(fault => (fault.Line, fault.Code)).ShouldBe([(2, "empty_line"), (3, "invalid_json_line"), (4, "duplicate_custom_id"), (6, "empty_line")]);
        validation.Faults[2].Message.ShouldContain("line 1");
    }

    [Fact]
    public async Task Validate_NotUtf8_SaysSo()
    {
        var bytes = Encoding.UTF8.GetBytes(Good);
        bytes[Good.IndexOf("n1", StringComparison.Ordinal)] = 0xff;

        (await ValidateAsync(bytes)).Faults.Single().Code.ShouldBe("invalid_encoding");
    }

    [Fact]
    public async Task Validate_LineTooLong_IsReportedByNumberAndTheRestIsRead()
    {
        var limits = new BatchLimits { LineBytes = 300_000 };
        var exact = BatchHarness.Line(2, extra: $",\"x\":\"{new string('x', 300_000 - BatchHarness.Line(2).Length - 7)}\"");
        exact.Length.ShouldBe(300_000);

        var validation = await ValidateAsync(
            Encoding.UTF8.GetBytes($"{BatchHarness.Line(1, extra: $",\"x\":\"{new string('y', 1_000_000)}\"")}\n{exact}\r\n{exact}x\n{BatchHarness.Line(3)}"), limits);

        validation.Lines.ShouldBe(4);
        validation.Faults.Select(fault => (fault.Line, fault.Code)).ShouldBe([(1, "line_too_long"), (3, "line_too_long")]);
    }

    [Fact]
    public async Task Validate_TooManyLines_StopsAtTheBound()
    {
        var validation = await ValidateAsync(Encoding.UTF8.GetBytes(BatchHarness.Lines(30)), new BatchLimits { Lines = 20 });

        validation.Faults.Select(fault => (fault.Line, fault.Code)).ShouldBe([(21, "too_many_lines")]);
    }

    [Fact]
    public async Task Validate_MoreFaultsThanAreListed_CountsTheRest()
    {
        var validation = await ValidateAsync(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("x\n", 30))), new BatchLimits { FaultsListed = 10 });

        validation.Faults.Count.ShouldBe(10);
        validation.Faults[^1].Message.ShouldContain("20 more");
    }

    [Fact]
    public async Task Reader_AnyChunks_ReadsTheSameLines() => await Flow.RandomSchedule.RunAsync(200, async random =>
    {
        var lines = Enumerable.Range(0, random.Next(8)).Select(_ => new string('x', random.Next(4) == 0 ? random.Next(150_000) : random.Next(20))).ToList();
        var text = string.Concat(lines.Select((line, i) => line + (i == lines.Count - 1 && random.Next(2) == 0 && line.Length > 0 ? "" : random.Next(2) == 0 ? "\n" : "\r\n")));
        var reader = new LineReader(new Dribble(Encoding.UTF8.GetBytes(text), random), 100_000);

        foreach (var line in lines)
        {
            (await reader.NextAsync(CancellationToken.None)).ShouldBeTrue();
            reader.IsTooLong.ShouldBe(line.Length > 100_000);
            Encoding.UTF8.GetString(reader.Line.Span).ShouldBe(line.Length > 100_000 ? "" : line);
        }

        (await reader.NextAsync(CancellationToken.None)).ShouldBeFalse();
        reader.Number.ShouldBe(lines.Count);
    });

    private static Task<BatchValidation> ValidateAsync(string text) => ValidateAsync(Encoding.UTF8.GetBytes(text));

    private static Task<BatchValidation> ValidateAsync(byte[] bytes, BatchLimits? limits = null) =>
        BatchValidator.ValidateAsync(new MemoryStream(bytes), "/v1/chat/completions", limits ?? new BatchLimits(), CancellationToken.None);

    private sealed class Dribble(byte[] bytes, Random random) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, random.Next(3) == 0 ? random.Next(1, 5) : random.Next(1, 70_000))], cancellationToken);
    }
}
