using System.Text;
using Weir.Inference;
using Weir.Inference.Caching;
using Weir.Inference.Requests;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Caching;

public sealed class KeptAnswerTests
{
    [Theory]
    [InlineData("data: {\"a\":1}\n\ndata: [DONE]\n\n", true)]
    [InlineData("data: {\"error\":null,\"a\":1}\n\ndata: [DONE]\n\n", true)]
    [InlineData("data: {\"error\":{}}\r\n\r\ndata: [DONE]\n\n", false)]
    [InlineData("event: error\ndata: {}\n\n", false)]
    [InlineData("event:response.failed\ndata: {}\n\n", false)]
    [InlineData("data:{\"type\": \"response.incomplete\"}\n\n", false)]
    [InlineData("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", true)]
    public void IsSound_Stream_SeesWhatFailed(string events, bool sound) =>
        KeptAnswer.IsSound(Operation.Responses, isStream: true, Encoding.UTF8.GetBytes(events)).ShouldBe(sound);

    [Theory]
    [InlineData("""{"status":"completed","error":null}""", true)]
    [InlineData("""{"status":"incomplete"}""", false)]
    [InlineData("""{"error":{"message":"x"}}""", false)]
    [InlineData("""{"status":"comp""", false)]
    public void IsSound_Body_SeesWhatFailed(string body, bool sound) =>
        KeptAnswer.IsSound(Operation.Responses, isStream: false, Encoding.UTF8.GetBytes(body)).ShouldBe(sound);

    [Theory]
    [InlineData("application/json", false)]
    [InlineData("text/event-stream", true)]
    [InlineData(null, false)]
    public void Pack_Unpacked_IsTheSame(string? type, bool stream)
    {
        var until = DateTimeOffset.FromUnixTimeMilliseconds(1_900_000_000_123);
        var answer = new KeptAnswer(type, stream, "{}"u8.ToArray());
        KeptAnswer.TryUnpack(answer.Pack(until), out var unpacked, out var end).ShouldBeTrue();
        (unpacked.ContentType, unpacked.IsStream, Encoding.UTF8.GetString(unpacked.Body.Span), end).ShouldBe((type, stream, "{}", until));
    }

    [Fact]
    public void Pack_WithFieldsLeftOut_KeepsTheirNames()
    {
        var answer = new KeptAnswer("application/json", false, "{}"u8.ToArray()) { Dropped = ["seed", "käse", "seed"] };
        KeptAnswer.TryUnpack(answer.Pack(DateTimeOffset.UnixEpoch), out var unpacked, out _).ShouldBeTrue();
        unpacked.Dropped.ShouldBe(["seed", "käse"]);
        Encoding.UTF8.GetString(unpacked.Body.Span).ShouldBe("{}");
    }

    [Fact]
    public async Task ReplayAsync_WithFieldsLeftOut_ReportsThem()
    {
        var report = new InferenceReport();
        await new KeptAnswer("application/json", false, "{}"u8.ToArray()) { Dropped = ["seed"] }.ReplayAsync(new TestAnswer(), report, CancellationToken.None);
        report.Dropped.ShouldBe(["seed"]);
    }

    [Fact]
    public void TryUnpack_AnyBytes_NeverThrows()
    {
        var packed = new KeptAnswer("application/json", false, "{}"u8.ToArray()).Pack(DateTimeOffset.UnixEpoch);
        for (var length = 0; length < packed.Length; length++)
        {
            for (var flip = 0; flip < length; flip++)
            {
                var bytes = packed[..length];
                bytes[flip] ^= 0xff;
                KeptAnswer.TryUnpack(bytes, out _, out _);
            }
        }
    }
}
