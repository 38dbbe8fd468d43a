using System.Buffers;
using System.Text;
using Weir.Inference.Responses;

namespace Weir.Tests.Inference.Responses;

public sealed class ResponseIdRewriterTests
{
    private const string Id = "resp_0123456789";

    private static string Rewrite(string text, string? known, params int[] cuts)
    {
        using var rewriter = new ResponseIdRewriter(id => $"<{id}>", known);
        var bytes = Encoding.UTF8.GetBytes(text);
        var written = new ArrayBufferWriter<byte>();
        var from = 0;
        foreach (var cut in cuts.Append(bytes.Length))
        {
            rewriter.Write(bytes.AsSpan(from, cut - from), written);
            from = cut;
        }

        rewriter.Flush(written);
        return Encoding.UTF8.GetString(written.WrittenSpan);
    }

    [Theory]
    [InlineData("""{"id":"resp_0123456789","x":1}""", """{"id":"<resp_0123456789>","x":1}""")]
    [InlineData("""{"id":"resp_0123456789","a":["resp_0123456789"]}""", """{"id":"<resp_0123456789>","a":["<resp_0123456789>"]}""")]
    [InlineData("""{"previous_response_id":"resp_99999999"}""", """{"previous_response_id":"<resp_99999999>"}""")]
    [InlineData("{\"previous_response_id\" \n:\t \"resp_99999999\"}", "{\"previous_response_id\" \n:\t \"<resp_99999999>\"}")]
    [InlineData("""{"previous_response_id":"resp_0123456789","id":"resp_0123456789"}""", """{"previous_response_id":"<resp_0123456789>","id":"<resp_0123456789>"}""")]
    public void Write_Ids_AreReplacedWhereverTheyAreCut(string text, string expected)
    {
        Rewrite(text, Id).ShouldBe(expected);
        for (var first = 0; first <= text.Length; first++)
        {
            for (var second = first; second <= text.Length; second++)
            {
                Rewrite(text, Id, first, second).ShouldBe(expected, $"cut at {first} and {second}");
            }
        }
    }

    [Theory]
    [InlineData("""{"text":"it is resp_0123456789, \"resp_0123456789\" and resp_0123456789\\"}""")]
    [InlineData("""{"previous_response_id":null,"b":"resp_99999999"}""")]
    [InlineData("""{"previous_response_id":"word"}""")]
    [InlineData("""{"previous_response_id":"with\"escape12"}""")]
    [InlineData("""{"previous_response_id":{"type":"resp_99999999"}}""")]
    [InlineData("""["previous_response_id","resp_99999999"]""")]
    [InlineData("""{"a":"\"previous_response_id\":\"resp_99999999\""}""")]
    [InlineData("""{"a":"resp_01234567890","b":"resp_012345678","c":"previous_response_ids"}""")]
    [InlineData("""not json at all " "re"resp "resp_0""")]
    [InlineData("""{"previous_response_id":"resp_99""")]
    public void Write_WhatIsNoId_StaysAsItIs(string text)
    {
        Rewrite(text, Id).ShouldBe(text);
        for (var cut = 0; cut <= text.Length; cut++)
        {
            Rewrite(text, Id, cut).ShouldBe(text, $"cut at {cut}");
        }
    }

    [Fact]
    public void Write_OverlongPreviousId_StaysAsItIs()
    {
        var text = $$"""{"previous_response_id":"{{new string('1', 1000)}}","id":"{{Id}}"}""";

        Rewrite(text, Id).ShouldBe(text.Replace(Id, $"<{Id}>", StringComparison.Ordinal));
        Rewrite(text, Id, 100, 280, 281, 283).ShouldBe(text.Replace(Id, $"<{Id}>", StringComparison.Ordinal));
    }

    [Fact]
    public void Write_RandomTextInRandomPieces_EqualsReplacingInTheWhole()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        string[] parts = [$"\"{Id}\"", "\"", Id, "\"resp_", "\"previous_resp", "{", ",", " ", "\"previous_response_id\",", "9", "\n", "é"];
        for (var round = 0; round < 3000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 30)).Select(_ => parts[random.Next(parts.Length)]));
            var length = Encoding.UTF8.GetByteCount(text);
            var cuts = Enumerable.Range(0, random.Next(0, 12)).Select(_ => random.Next(length + 1)).Order().ToArray();

            // Without a colon no value follows the name, so that only whole ids are replaced.
            Rewrite(text, Id, cuts).ShouldBe(Rewrite(text, Id), $"seed {seed} round {round}: {text}");
            Rewrite(text, Id).ShouldBe(text.Replace($"\"{Id}\"", $"\"<{Id}>\"", StringComparison.Ordinal), $"seed {seed} round {round}");
        }
    }

    [Theory]
    [InlineData("""{"id":"resp_0123456789"}""", Id)]
    [InlineData("""{"object":"response","x":{"id":"resp_inner123"},"id":"resp_0123456789","rest":""", Id)]
    [InlineData("""{"id":"short1"}""", null)]
    [InlineData("""{"id":"assistant"}""", null)]
    [InlineData("""{"id":"resp_\u0030123456789"}""", null)]
    [InlineData("""{"id":12345678}""", null)]
    [InlineData("""{"x":{"id":"resp_0123456789"}}""", null)]
    [InlineData("""["id","resp_0123456789"]""", null)]
    [InlineData("""{"id":"resp_01234""", null)]
    [InlineData("<html>", null)]
    [InlineData("", null)]
    public void InBody_Text_GivesTheTopLevelId(string body, string? expected) =>
        ResponseIdFinder.InBody(Encoding.UTF8.GetBytes(body)).ShouldBe(expected);

    [Theory]
    [InlineData("""{"type":"response.created","response":{"id":"resp_0123456789","object":"r"}}""", Id)]
    [InlineData(""" {"id":"other_id_1","sequence":0,"response":{"a":[{}],"id":"resp_0123456789","tools":[""", Id)]
    [InlineData("""{"response":"resp_0123456789"}""", null)]
    [InlineData("""{"type":"response.output_text.delta","delta":"x"}""", null)]
    [InlineData("[DONE]", null)]
    public void InEvent_Data_GivesTheIdOfTheResponse(string data, string? expected) =>
        ResponseIdFinder.InEvent(Encoding.UTF8.GetBytes(data)).ShouldBe(expected);
}
