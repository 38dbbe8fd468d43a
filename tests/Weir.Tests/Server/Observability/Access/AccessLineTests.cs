using System.Text;
using System.Text.Json;
using Weir.Inference;
using Weir.Inference.Requests;
using Weir.Server.Observability.Access;
using Weir.Server.Observability.Logging;

namespace Weir.Tests.Server.Observability.Access;

public sealed class AccessLineTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

    [Fact]
    public void Text_WithAModelThatForgesALine_StaysOneLine()
    {
        var line = Write(LogFormat.Text, "x\nPOST /v1/keys 200 key=admin \"" + new string('a', 10_000));

        line.ShouldEndWith("\n");
        line.TrimEnd('\n').ShouldNotContain('\n');
        line.Length.ShouldBeLessThan(600);
        line.ShouldStartWith("03:04:05.678 info: Weir.Access[1] POST /v1/chat/completions 200 model=\"x\\n");
    }

    [Theory]
    [InlineData("fast")]
    [InlineData("a\\b\"c\n\u0007")]
    [InlineData("größe \ud83d\ude00")]
    [InlineData("lone \ud83d")]
    public void Json_WithAnyModel_IsOneObjectOnOneLine(string model)
    {
        var line = Write(LogFormat.Json, model);

        line.IndexOf('\n', StringComparison.Ordinal).ShouldBe(line.Length - 1);
        var root = JsonDocument.Parse(line).RootElement;
        root.GetProperty("Timestamp").GetString().ShouldBe("2026-01-02T03:04:05.678Z");
        root.GetProperty("Category").GetString().ShouldBe(AccessLog.Category);
        var state = root.GetProperty("State");
        state.GetProperty("status").GetInt32().ShouldBe(200);
        state.GetProperty("attempts").GetInt64().ShouldBe(0);
        state.GetProperty("model").GetString().ShouldBe(model.Replace("lone \ud83d", "lone \ufffd", StringComparison.Ordinal));
    }

    [Fact]
    public void Json_WithMoreThanALineHolds_LeavesOutWhatDoesNotFit()
    {
        var line = new AccessLine(stackalloc byte[AccessLine.Longest], LogFormat.Json);
        line.Begin(Now, "POST", "/v1/chat/completions", 200);
        for (var i = 0; i < 10; i++) line.Text(Encoding.ASCII.GetBytes("f" + i), new string('\n', 300));
        line.Number("last"u8, 7);

        var written = Encoding.UTF8.GetString(line.End());

        written.Length.ShouldBeLessThanOrEqualTo(AccessLine.Longest);
        var state = JsonDocument.Parse(written).RootElement.GetProperty("State");
        state.GetProperty("last").GetInt32().ShouldBe(7);
        state.TryGetProperty("f9", out _).ShouldBeFalse();
    }

    [Theory]
    [InlineData(LogFormat.Text)]
    [InlineData(LogFormat.Json)]
    internal void Dropped_InBothFormats_SaysHowMany(LogFormat format)
    {
        var line = new AccessLine(stackalloc byte[AccessLine.Longest], format);
        line.Dropped(Now, 12);

        var text = Encoding.UTF8.GetString(line.End());

        text.ShouldContain("12 lines of the access log were dropped");
        if (format == LogFormat.Json) JsonDocument.Parse(text).RootElement.GetProperty("State").GetProperty("dropped").GetInt32().ShouldBe(12);
    }

    private static string Write(LogFormat format, string model)
    {
        var line = new AccessLine(stackalloc byte[AccessLine.Longest], format);
        line.Begin(Now, "POST", "/v1/chat/completions", 200);
        AccessLog.Describe(ref line, Request(model), new InferenceReport());
        return Encoding.UTF8.GetString(line.End());
    }

    private static InferenceRequest Request(string model) => new()
    {
        Operation = Operation.ChatCompletions,
        Head = new RequestHead { Model = model, ModelValue = default },
        Body = default,
        Tenant = "t",
    };
}
