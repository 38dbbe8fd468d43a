using System.Text;
using Weir.Inference.Embeddings;

namespace Weir.Tests.Inference.Embeddings;

public sealed class EmbeddingInputsTests
{
    [Theory]
    [InlineData("""{"model":"m","input":"a \" b"}""", true, false, "\"a \\\" b\"")]
    [InlineData("""{"model":"m","input":["a","b"]}""", false, false, "\"a\"", "\"b\"")]
    [InlineData("""{ "input" : [ 1, 2 , 3 ] ,"model":"m"}""", true, true, "[ 1, 2 , 3 ]")]
    [InlineData("""{"model":"m","input":[[1],[2,3]]}""", false, true, "[1]", "[2,3]")]
    public void Read_EachShape_FindsTheInputsAsTheyStand(string body, bool alone, bool tokens, params string[] inputs)
    {
        var read = Read(body)!;
        (read.IsSingle, read.AreTokens).ShouldBe((alone, tokens));
        Enumerable.Range(0, read.Count).Select(i => Encoding.UTF8.GetString(read[i].Span)).ShouldBe(inputs);
    }

    [Theory]
    [InlineData("""{"model":"m"}""")]
    [InlineData("""{"model":"m","input":null}""")]
    [InlineData("""{"model":"m","input":[]}""")]
    [InlineData("""{"model":"m","input":["a",1]}""")]
    [InlineData("""{"model":"m","input":[1,"a"]}""")]
    [InlineData("""{"model":"m","input":[[1],"a"]}""")]
    [InlineData("""{"model":"m","input":{"a":1}}""")]
    [InlineData("""{"model":"m","input":"a","input":"b"}""")]
    public void Read_WhatOnlyTheProviderCanJudge_IsNull(string body) => Read(body).ShouldBeNull();

    [Fact]
    public void Parameters_WithoutModelAndUser_OrderedByName() =>
        Encoding.UTF8.GetString(Read("""{"user":"u","encoding_format": "base64","model":"m","input":"a","dimensions":256}""")!.Parameters.Span)
            .ShouldBe(""","dimensions":256,"encoding_format":"base64" """.TrimEnd());

    private static EmbeddingInputs? Read(string body) => EmbeddingInputs.Read(Encoding.UTF8.GetBytes(body));
}
