using System.Text;
using Weir.Inference;
using Weir.Inference.Requests;
using Weir.Tests.Flow;

namespace Weir.Tests.Inference.Requests;

public sealed class RequestHeadScannerTests
{
    private static InferenceError? Scan(string body, out RequestHead head) => RequestHeadScanner.Scan(Encoding.UTF8.GetBytes(body), out head);

    [Fact]
    public void Scan_WholeRequest_FindsWhatTheGatewayNeedsWhereverItStands()
    {
        const string body = """{"messages":[{"model":"inner","stream":true}],"user":"u1","max_tokens":20,"stream":true,"model" : "fast","tools":[{"a":{"model":1}}]}""";

        Scan(body, out var head).ShouldBeNull();

        head.Model.ShouldBe("fast");
        head.Stream.ShouldBeTrue();
        head.Length.ShouldBe(body.Length);
        body[head.ModelValue].ShouldBe("\"fast\"");
    }

    [Fact]
    public void Scan_EscapedModelName_ReadsItAndKeepsItsPlaceInTheBytes()
    {
        const string body = """{"é":"ü","model":"a\/b\u0041"}""";

        Scan(body, out var head).ShouldBeNull();

        head.Model.ShouldBe("a/bA");
        Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(body)[head.ModelValue]).ShouldBe("""
            "a\/b\u0041"
            """.Trim());
    }

    [Fact]
    public void Scan_PreviousResponse_FindsItsPlace()
    {
        const string body = """{"model":"m","previous_response_id":"resp_1"}""";

        Scan(body, out var head).ShouldBeNull();

        head.PreviousResponseId.ShouldBe("resp_1");
        body[head.PreviousResponseValue].ShouldBe("\"resp_1\"");
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("[]", "array")]
    [InlineData("\"x\"", "string")]
    [InlineData("17", "number")]
    [InlineData("{}", "missing")]
    [InlineData("""{"model":7}""", "must be a string")]
    [InlineData("""{"model":null}""", "must be a string")]
    [InlineData("""{"model":""}""", "1 to 512")]
    [InlineData("""{"model":"a","model":"b"}""", "twice")]
    [InlineData("""{"model":"a","stream":"yes"}""", "true or false")]
    [InlineData("""{"model":"a\ud800"}""", "escape")]
    [InlineData("""{"model":"a" """, "line 1")]
    [InlineData("""{"model":"a"} trailing""", "line 1")]
    [InlineData("""{"model":"a"}{"model":"b"}""", "line 1")]
    [InlineData("{\"model\":\"a\",\n\"x\":tru}", "line 2")]
    [InlineData("""{"model":"a",}""", "line 1")]
    [InlineData("""{"model":"a"} // no""", "line 1")]
    public void Scan_BadBody_SaysWhatIsWrongAndWhere(string body, string said)
    {
        var error = Scan(body, out _).ShouldNotBeNull();

        error.Status.ShouldBe(400);
        error.Message.ShouldContain(said);
        error.ShouldRetry.ShouldBe(false);
    }

    [Fact]
    public void Scan_NotUtf8_IsRefused()
    {
        byte[] body = [.. "{\"model\":\"a\",\"x\":\""u8, 0xC3, 0x28, .. "\"}"u8];

        RequestHeadScanner.Scan(body, out _).ShouldNotBeNull().Message.ShouldContain("UTF-8");
    }

    [Fact]
    public void Scan_DeepNesting_IsRefusedWithTheBound()
    {
        var body = """{"model":"a","x":""" + new string('[', 100_000) + new string(']', 100_000) + "}";

        Scan(body, out _).ShouldNotBeNull().Message.ShouldContain("128");
    }

    [Fact]
    public void Scan_AnyPrefixOfARequest_IsRefusedAndNeverThrows()
    {
        var body = Encoding.UTF8.GetBytes("""{"a":[1,-2.5e3,"é\n",{"b":null}],"stream":false,"model":"fast","user":"u"}""");
        for (var length = 0; length < body.Length; length++)
        {
            RequestHeadScanner.Scan(body.AsSpan(0, length), out _).ShouldNotBeNull();
        }

        RequestHeadScanner.Scan(body, out _).ShouldBeNull();
    }

    [Fact]
    public void Scan_RandomBytes_NeverThrows() => RandomSchedule.Run(50, random =>
    {
        var model = Encoding.UTF8.GetBytes("""{"model":"fast","messages":[{"role":"user","content":"hi"}],"stream":true}""");
        for (var i = 0; i < 400; i++)
        {
            var body = (byte[])model.Clone();
            for (var flips = random.Next(1, 6); flips > 0; flips--)
            {
                body[random.Next(body.Length)] = (byte)random.Next(256);
            }

            RequestHeadScanner.Scan(body, out _);
        }
    });
}
