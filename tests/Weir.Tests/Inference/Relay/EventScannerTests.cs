using System.Text;
using Weir.Inference.Relay;
using Weir.Inference.Requests;

namespace Weir.Tests.Inference.Relay;

public sealed class EventScannerTests
{
    private static EventScanner Scan(StreamEnd end, string text)
    {
        var scanner = new EventScanner(end);
        scanner.Scan(Encoding.UTF8.GetBytes(text));
        return scanner;
    }

    [Theory]
    [InlineData("data: [DONE]\n\n", true)]
    [InlineData("data:[DONE]\n", true)]
    [InlineData("data: [DONE]\r\n\r\n", true)]
    [InlineData("data: {\"content\":\"[DONE]\"}\n\n", false)]
    [InlineData(": [DONE]\n\n", false)]
    public void IsComplete_OfChat_IsTheDoneEventAlone(string text, bool complete) =>
        Scan(StreamEnd.Done, text).IsComplete.ShouldBe(complete);

    [Theory]
    [InlineData("event: response.completed\ndata: {}\n\n", true)]
    [InlineData("event: response.completed\ndata: {}\n", false)]
    [InlineData("event: response.failed\ndata: {}\n\n", true)]
    [InlineData("data: {\"type\":\"response.incomplete\"}\n\n", true)]
    [InlineData("data: {\"type\": \"response.created\"}\n\n", false)]
    [InlineData("data: [DONE]\n\n", false)]
    public void IsComplete_OfResponses_IsTheLastResponseEvent(string text, bool complete) =>
        Scan(StreamEnd.ResponseEvent, text).IsComplete.ShouldBe(complete);

    [Theory]
    [InlineData("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", true, false)]
    [InlineData("data: {\"type\":\"message_stop\"}\n\n", true, false)]
    [InlineData("event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\n", true, true)]
    [InlineData("event: ping\ndata: {\"type\": \"ping\"}\n\n", false, false)]
    [InlineData("event: message_stop\n", false, false)]
    public void IsComplete_OfMessages_IsTheirStopOrAnError(string text, bool complete, bool failed)
    {
        var scanner = Scan(StreamEnd.MessageStop, text);
        (scanner.IsComplete, scanner.HasFailed).ShouldBe((complete, failed));
    }

    [Fact]
    public void Usage_OfMessages_IsToldTwiceAndCountedOnce() =>
        Scan(
            StreamEnd.MessageStop,
            "data: {\"message\":{\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":100,\"output_tokens\":1}}}\n\ndata: {\"usage\":{\"output_tokens\":15}}\n\n")
            .Usage.ShouldBe(new(103, 15) { CachedInput = 100 });

    [Fact]
    public void Usage_NullInEveryChunkButTheLast_IsTheLast() =>
        Scan(StreamEnd.Done, "data: {\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}\n\n").Usage.ShouldBe(new(7, 9));

    [Fact]
    public void Usage_SpokenOfInText_IsNotAUsage() =>
        Scan(StreamEnd.Done, "data: {\"content\":\"\\\"usage\\\": {}\"}\n\n").Usage.ShouldBeNull();

    [Fact]
    public void AtEventBorder_InTheMiddleOfAnEvent_IsFalse()
    {
        Scan(StreamEnd.Done, "data: {}\n").AtEventBorder.ShouldBeFalse();
        Scan(StreamEnd.Done, "data: {}\n\n").AtEventBorder.ShouldBeTrue();
    }
}
