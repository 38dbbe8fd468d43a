using System.Text;
using Weir.Inference;
using Weir.Inference.Requests;
using Weir.Server.Retrieval;

namespace Weir.Tests.Server.Retrieval;

public sealed class EmbeddingsBodyTests
{
    private static readonly byte[] Marks = "\"\\[]{},:0-9.eud"u8.ToArray();

    [Theory]
    [InlineData("""{"model":"m","input":"hello"}""", "hello")]
    [InlineData("""{"model":"m","input":["hello"]}""", "hello")]
    [InlineData("""{"model":"m","input":["a","b","a"],"user":{"odd":[1]}}""", "a|b|a")]
    [InlineData("""{"input":["q\"uote","\u00e9","\ud83d\ude00","日本"],"x":null,"model":"m"}""", "q\"uote|é|😀|日本")]
    [InlineData("""{"model":"m","input":[" ","\u0000"]}""", " |\0")]
    [InlineData("""{"model":"m","input":[1,2,3]}""", "#1,2,3")]
    [InlineData("""{"model":"m","input":[[1],[2147483647,0]]}""", "#1|#2147483647,0")]
    public void Read_EachShape_GivesInputsInOrder(string json, string expected)
    {
        var body = Read(json);

        string.Join('|', body.Inputs.Select(input => input.IsTokens ? "#" + string.Join(',', input.Tokens.ToArray()) : Encoding.UTF8.GetString(input.Utf8.Span))).ShouldBe(expected);
        body.Dimensions.ShouldBeNull();
        body.IsBase64.ShouldBeFalse();
    }

    [Fact]
    public void Read_TextWithoutEscapes_IsASliceOfTheBody()
    {
        var bytes = Encoding.UTF8.GetBytes("""{"model":"m","input":["plain"]}""");

        var body = EmbeddingsBody.Read(bytes, out _)!;
        bytes[Encoding.UTF8.GetString(bytes).IndexOf("plain", StringComparison.Ordinal)] = (byte)'P';

        Encoding.UTF8.GetString(body.Inputs[0].Utf8.Span).ShouldBe("Plain");
    }

    [Theory]
    [InlineData("\\ud800")]
    [InlineData("inp\\ud800t")]
    [InlineData("dimens\\udc00ions")]
    [InlineData("encoding_\\ud800\\ud800")]
    public void Read_ANameThatIsNoText_IsRefused(string name)
    {
        var bytes = Encoding.UTF8.GetBytes($$"""{"model":"m","input":"x","{{name}}":1}""");

        EmbeddingsBody.Read(bytes, out var error).ShouldBeNull();
        error!.Status.ShouldBe(400);
    }

    [Fact]
    public void Read_Settings_AreTaken()
    {
        var body = Read("""{"encoding_format":"base64","dimensions":64,"model":"m","input":"x"}""");

        body.IsBase64.ShouldBeTrue();
        body.Dimensions.ShouldBe(64);
        Read("""{"encoding_format":null,"dimensions":null,"model":"m","input":"x"}""").IsBase64.ShouldBeFalse();
    }

    [Theory]
    [InlineData("""{"model":"m"}""", "input", "missing")]
    [InlineData("""{"model":"m","input":""}""", "input", "empty text")]
    [InlineData("""{"model":"m","input":[]}""", "input", "empty list")]
    [InlineData("""{"model":"m","input":["a","b","c",""]}""", "input[3]", "empty text")]
    [InlineData("""{"model":"m","input":["a",1]}""", "input[1]", "a text like those before it, not a number")]
    [InlineData("""{"model":"m","input":[[1],"a"]}""", "input[1]", "a list like those before it, not a text")]
    [InlineData("""{"model":"m","input":[1,"a"]}""", "input[1]", "no token")]
    [InlineData("""{"model":"m","input":[1,-2]}""", "input[1]", "no token")]
    [InlineData("""{"model":"m","input":[1,2.5]}""", "input[1]", "no token")]
    [InlineData("""{"model":"m","input":[1,2147483648]}""", "input[1]", "no token")]
    [InlineData("""{"model":"m","input":[[1],[]]}""", "input[1]", "empty list of tokens")]
    [InlineData("""{"model":"m","input":[[1],[2,[3]]]}""", "input[1][1]", "no token")]
    [InlineData("""{"model":"m","input":[["a"]]}""", "input[0][0]", "no token")]
    [InlineData("""{"model":"m","input":[null]}""", "input[0]", "null")]
    [InlineData("""{"model":"m","input":[{"text":"a"}]}""", "input[0]", "an object")]
    [InlineData("""{"model":"m","input":{"text":"a"}}""", "input", "an object")]
    [InlineData("""{"model":"m","input":7}""", "input", "a number")]
    [InlineData("""{"model":"m","input":true}""", "input", "true or false")]
    [InlineData("""{"model":"m","input":null}""", "input", "null")]
    [InlineData("""{"model":"m","input":["ok","\ud800"]}""", "input[1]", "surrogate")]
    [InlineData("""{"model":"m","input":"\udc00\ud800"}""", "input", "surrogate")]
    [InlineData("""{"model":"m","input":"a","input":"b"}""", "input", "twice")]
    [InlineData("""{"model":"m","input":"a","dimensions":0}""", "dimensions", "from 1")]
    [InlineData("""{"model":"m","input":"a","dimensions":1.5}""", "dimensions", "from 1")]
    [InlineData("""{"model":"m","input":"a","dimensions":"8"}""", "dimensions", "from 1")]
    [InlineData("""{"model":"m","input":"a","dimensions":99999999999}""", "dimensions", "from 1")]
    [InlineData("""{"model":"m","input":"a","encoding_format":"hex"}""", "encoding_format", "base64")]
    [InlineData("""{"model":"m","input":"a","encoding_format":["float"]}""", "encoding_format", "base64")]
    public void Read_Wrong_NamesThePlace(string json, string param, string says)
    {
        var error = Refuse(json);

        error.Status.ShouldBe(400);
        error.Param.ShouldBe(param);
        error.Message.ShouldContain(says);
        error.ShouldRetry.ShouldBe(false);
    }

    [Theory]
    [InlineData(20_001)]
    [InlineData(100_000)]
    public void Read_TooMany_SaysHowManyAndTheBound(int count)
    {
        var error = Refuse($$"""{"model":"m","input":[{{string.Join(',', Enumerable.Repeat("\"x\"", count))}}]}""");

        error.Status.ShouldBe(422);
        error.Code.ShouldBe("too_many_inputs");
        error.Message.ShouldContain($"{count}");
        error.Message.ShouldContain("20000");
    }

    [Fact]
    public void Read_AsManyAsMayBe_AreTaken() =>
        Read($$"""{"model":"m","input":[{{string.Join(',', Enumerable.Repeat("[7]", 20_000))}}]}""").Inputs.Count.ShouldBe(20_000);

    // Whatever the scanner lets through is read or refused, and never thrown about.
    [Fact]
    public void Read_MutatedBodies_NeverThrow()
    {
        const int Seed = 20260;
        var random = new Random(Seed);
        var seeds = new[]
        {
            """{"model":"m","input":["a\u00e9","b",[1]],"dimensions":12,"encoding_format":"base64"}""",
            """{"model":"m","input":[[1,2],[3,-4]],"user":"\ud800"}""",
            """{"model":"m","input":"\ud83d\ude00","encoding_format":"fl\u006fat"}""",
        };
        for (var i = 0; i < 30_000; i++)
        {
            var bytes = Encoding.UTF8.GetBytes(seeds[random.Next(seeds.Length)]);
            for (var flips = random.Next(1, 4); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = Marks[random.Next(Marks.Length)];
            }

            if (RequestHeadScanner.Scan(bytes, out _) is null)
            {
                var body = EmbeddingsBody.Read(bytes, out var error);
                (body is null).ShouldBe(error is not null, $"seed {Seed}, case {i}: {Encoding.UTF8.GetString(bytes)}");
            }
        }
    }

    private static EmbeddingsBody Read(string json)
    {
        var body = EmbeddingsBody.Read(Encoding.UTF8.GetBytes(json), out var error);
        error.ShouldBeNull();
        return body.ShouldNotBeNull();
    }

    private static InferenceError Refuse(string json)
    {
        EmbeddingsBody.Read(Encoding.UTF8.GetBytes(json), out var error).ShouldBeNull();
        return error.ShouldNotBeNull();
    }
}
