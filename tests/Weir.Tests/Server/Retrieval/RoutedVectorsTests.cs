using System.Runtime.InteropServices;
using System.Text;
using Weir.Server.Retrieval;

namespace Weir.Tests.Server.Retrieval;

public sealed class RoutedVectorsTests
{
    private static readonly string Base64 = Convert.ToBase64String(MemoryMarshal.AsBytes<float>([1.5f, -2f]));

    [Fact]
    public void Read_NumbersAndBase64AndAnyOrder_GivesThemByIndex()
    {
        var vectors = Read($$"""{"object":"list","usage":{"data":[]},"data":[{"index":1,"embedding":[3,4e0]},{"embedding":"{{Base64}}","index":0,"x":[[]]}],"model":"m"}""", 2)!;

        vectors[0].ToArray().ShouldBe([1.5f, -2f]);
        vectors[1].ToArray().ShouldBe([3f, 4f]);
    }

    [Fact]
    public void Read_WithoutIndexes_TakesTheOrder() =>
        Read("""{"data":[{"embedding":[1]},{"embedding":[2]}]}""", 2)!.Select(vector => vector.Span[0]).ShouldBe([1f, 2f]);

    [Fact]
    public void Read_EscapedSlash_IsASlash()
    {
        var bytes = MemoryMarshal.AsBytes<float>([BitConverter.Int32BitsToSingle(0x3f3fffff)]).ToArray();
        var text = Convert.ToBase64String(bytes);
        text.ShouldContain("/");

        Read($$"""{"data":[{"embedding":"{{text.Replace("/", "\\/", StringComparison.Ordinal)}}"}]}""", 1)![0].Span[0].ShouldBe(BitConverter.Int32BitsToSingle(0x3f3fffff));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"data":{}}""")]
    [InlineData("""{"data":[{"embedding":[1]}]}""")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":[1,2]}]}""")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":[]}]}""")]
    [InlineData("""{"data":[{"embedding":[1],"index":0},{"embedding":[2],"index":0}]}""")]
    [InlineData("""{"data":[{"embedding":[1],"index":0},{"embedding":[2],"index":2}]}""")]
    [InlineData("""{"data":[{"embedding":[1],"index":-1},{"embedding":[2],"index":1}]}""")]
    [InlineData("""{"data":[{"embedding":[1],"index":"0"},{"embedding":[2]}]}""")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":[1e39]}]}""")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":["1"]}]}""")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":null}]}""")]
    [InlineData("""{"data":[{"embedding":"AAA="},{"embedding":"AAA="}]}""")]
    [InlineData("""{"data":[{"embedding":"????"},{"embedding":"!!!!"}]}""")]
    [InlineData("""{"data":[{"embedding":"AADAfw=="},{"embedding":"AADAfw=="}]}""")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":[2]},{"embedding":[3]}]}""")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":[2]}""")]
    public void Read_NotTwoVectors_IsNoAnswer(string json) => Read(json, 2).ShouldBeNull();

    private static ReadOnlyMemory<float>[]? Read(string json, int count) => RoutedVectors.Read(Encoding.UTF8.GetBytes(json), count, out _);

    [Theory]
    [InlineData("<html>", "not valid JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("""{"data":[{"embedding":[1]}]}""", "there are 1 for 2 inputs")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":[2]},{"embedding":[3]}]}""", "one of index 2 for 2 inputs")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":[1,2]}]}""", "number 1 has 2 dimensions, and the first 1")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":[1e39]}]}""", "number 1 is not a list of finite numbers")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":"????"}]}""", "number 1 is not a list of finite numbers")]
    [InlineData("""{"data":[{"embedding":"AADAfw=="},{"embedding":[1]}]}""", "number 0 is not a list of finite numbers")]
    public void Read_NotTwoVectors_SaysWhy(string json, string why)
    {
        RoutedVectors.Read(Encoding.UTF8.GetBytes(json), 2, out var fault).ShouldBeNull();
        fault.ShouldNotBeNull().ShouldContain(why);
    }
}
