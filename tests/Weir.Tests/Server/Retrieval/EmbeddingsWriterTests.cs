using System.Runtime.InteropServices;
using System.Text.Json;
using Weir.Inference;
using Weir.Inference.Relay;
using Weir.Retrieval.Embedding;
using Weir.Server.Retrieval;

namespace Weir.Tests.Server.Retrieval;

public sealed class EmbeddingsWriterTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 384)]
    [InlineData(11, 2)]
    [InlineData(101, 3)]
    [InlineData(64, 384)]
    [InlineData(3, 4096)]
    public async Task WriteAsync_BothFormats_GiveTheSameVectorsBack(int count, int dimensions)
    {
        var random = new Random(count * 1000 + dimensions);
        var vectors = Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, dimensions).Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-20, 3)))).ToArray()).ToArray();

        var base64 = await WriteAsync(vectors, isBase64: true);
        var numbers = await WriteAsync(vectors, isBase64: false);

        base64.Head!.Value.ContentLength.ShouldBe(base64.Content.Length);
        numbers.Head!.Value.ContentLength.ShouldBeNull();
        using var left = JsonDocument.Parse(base64.Content);
        using var right = JsonDocument.Parse(numbers.Content);
        foreach (var root in new[] { left.RootElement, right.RootElement })
        {
            root.GetProperty("object").GetString().ShouldBe("list");
            root.GetProperty("model").GetString().ShouldBe("odd \"é");
            root.GetProperty("usage").GetProperty("prompt_tokens").GetInt32().ShouldBe(1234);
            root.GetProperty("usage").GetProperty("total_tokens").GetInt32().ShouldBe(1234);
            root.GetProperty("data").GetArrayLength().ShouldBe(count);
        }

        for (var i = 0; i < count; i++)
        {
            var (a, b) = (left.RootElement.GetProperty("data")[i], right.RootElement.GetProperty("data")[i]);
            a.GetProperty("object").GetString().ShouldBe("embedding");
            a.GetProperty("index").GetInt32().ShouldBe(i);
            b.GetProperty("index").GetInt32().ShouldBe(i);
            MemoryMarshal.Cast<byte, float>(a.GetProperty("embedding").GetBytesFromBase64()).SequenceEqual(vectors[i]).ShouldBeTrue();
            b.GetProperty("embedding").EnumerateArray().Select(number => number.GetSingle()).SequenceEqual(vectors[i]).ShouldBeTrue();
        }
    }

    [Fact]
    public async Task WriteAsync_WhatIsNoNumber_IsStillJson()
    {
        var answer = await WriteAsync([[float.NaN, float.PositiveInfinity, -0f, float.Epsilon, float.MinValue]], isBase64: false);

        using var document = JsonDocument.Parse(answer.Content);
        document.RootElement.GetProperty("data")[0].GetProperty("embedding").EnumerateArray().Select(number => number.GetSingle())
            .ShouldBe([0, 0, -0f, float.Epsilon, float.MinValue]);
    }

    private static async Task<BufferedAnswer> WriteAsync(float[][] vectors, bool isBase64)
    {
        var answer = new BufferedAnswer(64 << 20);
        var result = new EmbeddingResult { Vectors = [.. vectors.Select(vector => (ReadOnlyMemory<float>)vector)], Tokens = 1234 };
        await EmbeddingsWriter.WriteAsync(result, isBase64, JsonEncodedText.Encode("odd \"é"), null, new InferenceReport(), answer, CancellationToken.None);
        return answer;
    }
}
