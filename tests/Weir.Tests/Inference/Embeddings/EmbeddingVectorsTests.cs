using System.Text;
using Weir.Inference.Embeddings;
using Weir.Tests.Flow;

namespace Weir.Tests.Inference.Embeddings;

public sealed class EmbeddingVectorsTests
{
    private const string Two = """
        { "object":"list", "data": [ {"object":"embedding","index":1,"embedding":[1.0, -2e3]}, {"embedding":"AAA=","index":0, "extra":{"a":["]"]}} ],
          "model":"m\"", "usage":{"prompt_tokens":3} }
        """;

    [Fact]
    public void Read_AnyOrder_GoesByTheIndexAndKeepsTheBytes()
    {
        var read = Read(Two, 2)!;
        read.Vectors.Select(Text).ShouldBe(["\"AAA=\"", "[1.0, -2e3]"]);
        Text(read.Model!.Value).ShouldBe("\"m\\\"\"");
    }

    [Fact]
    public void Read_WithoutIndices_GoesByTheOrder() =>
        Read("""{"data":[{"embedding":[1]},{"embedding":[2]}]}""", 2)!.Vectors.Select(Text).ShouldBe(["[1]", "[2]"]);

    [Theory]
    [InlineData("""{"data":[{"embedding":[1]}]}""")]
    [InlineData("""{"data":[{"embedding":[1]},{"embedding":[2]},{"embedding":[3]}]}""")]
    [InlineData("""{"data":[{"embedding":[1],"index":0},{"embedding":[2],"index":0}]}""")]
    [InlineData("""{"data":[{"embedding":[1],"index":0},{"embedding":[2],"index":2}]}""")]
    [InlineData("""{"data":[{"embedding":[1],"index":-1},{"embedding":[2],"index":1}]}""")]
    [InlineData("""{"data":[{"embedding":null},{"embedding":[2]}]}""")]
    [InlineData("""{"data":[{"index":0},{"embedding":[2]}]}""")]
    [InlineData("""{"error":{"message":"no"}}""")]
    [InlineData("""{"data":{}}""")]
    [InlineData("[]")]
    [InlineData("")]
    public void Read_NotOneVectorForEach_IsNull(string body) => Read(body, 2).ShouldBeNull();

    [Fact]
    public void Read_CutOrDamagedAnywhere_NeverThrows() => RandomSchedule.Run(2000, random =>
    {
        var bytes = Encoding.UTF8.GetBytes(Two)[..random.Next(Two.Length + 1)];
        for (var i = random.Next(4); i > 0 && bytes.Length > 0; i--)
        {
            bytes[random.Next(bytes.Length)] = (byte)"\"[]{},: \\x01"[random.Next(11)];
        }

        EmbeddingVectors.Read(bytes, 2);
    });

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    private static EmbeddingVectors? Read(string body, int count) => EmbeddingVectors.Read(Encoding.UTF8.GetBytes(body), count);
}
