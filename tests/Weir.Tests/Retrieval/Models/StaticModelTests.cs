using System.Text;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Models;
using Weir.Retrieval.Models.Static;
using Weir.Tests.Retrieval.Support;

namespace Weir.Tests.Retrieval.Models;

/// <summary>Every expected vector is worked out by hand beside it.</summary>
public sealed class StaticModelTests : IDisposable
{
    private static readonly string[] Words = ["[PAD]", "[UNK]", "hot", "cold", "tea", "##pot", "!"];

    // One row for each of Words.
    private static readonly float[] Rows =
    [
        9, 9, // [PAD]
        7, 7, // [UNK]
        3, 0, // hot
        -1, 0, // cold
        0, 4, // tea
        0, 8, // ##pot
        1, 1, // !
    ];

    private readonly string _folder = Path.Combine(Path.GetTempPath(), "weir-static-" + Guid.NewGuid().ToString("N"));

    public void Dispose()
    {
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("hot", 1, 0)] // (3, 0) of length 3
    [InlineData("hot tea", 0.6f, 0.8f)] // (3, 0) + (0, 4) = (3, 4) of length 5
    [InlineData("HOT  Tea\n", 0.6f, 0.8f)]
    [InlineData("teapot", 0, 1)] // (0, 4) + (0, 8)
    [InlineData("hot hot tea tea", 0.6f, 0.8f)]
    [InlineData("hot coffee tea", 0.6f, 0.8f)] // coffee is unknown: left out, not added as [UNK]
    [InlineData("cold", -1, 0)]
    [InlineData("hot cold cold cold", 0, 0)] // 3 - 3
    [InlineData("hot cold!", 0.9486833f, 0.3162278f)] // (3, 0) + (-1, 0) + (1, 1) = (3, 1) of length √10
    [InlineData("", 0, 0)]
    [InlineData("coffee", 0, 0)]
    [InlineData("   ", 0, 0)]
    public void Embed_WordPiece_IsTheMeanOfItsTokensAtUnitLength(string text, float x, float y)
    {
        using var model = Load(new SafetensorsWriter().Add("embeddings", Rows, 7, 2));
        ShouldGive(model, EmbeddingInput.OfText(text), x, y);
    }

    [Fact]
    public void Embed_Weights_MultiplyEachTokenByItsId()
    {
        // hot: 2 · (3, 0) = (6, 0); tea: 2 · (0, 4) = (0, 8); together (6, 8) of length 10. ##pot: 0 · (0, 8); cold: -1 · (-1, 0) = (1, 0).
        using var model = Load(new SafetensorsWriter().Add("embeddings", Rows, 7, 2).Add<double>("weights", "F64", [1, 1, 2, -1, 2, 0, 1], 7));
        ShouldGive(model, EmbeddingInput.OfText("hot teapot"), 0.6f, 0.8f);
        ShouldGive(model, EmbeddingInput.OfText("cold"), 1, 0);
    }

    [Theory]
    [InlineData("I64")]
    [InlineData("I32")]
    public void Embed_Mapping_SendsTokensToRowsAndLeavesWeightsToTokens(string type)
    {
        // Three rows: hot and cold share (3, 0), tea and ##pot (0, 1), all else (0, 0). cold weighs -1, ##pot 3.
        long[] mapping = [2, 2, 0, 0, 1, 1, 2];
        var writer = new SafetensorsWriter().Add("embeddings", [3, 0, 0, 1, 0, 0], 3, 2).Add("weights", [1, 1, 1, -1, 1, 3, 1], 7);
        if (type == "I64")
            writer.Add<long>("mapping", type, mapping, 7);
        else
            writer.Add<int>("mapping", type, [.. mapping.Select(m => (int)m)], 7);
        using var model = Load(writer);
        ShouldGive(model, EmbeddingInput.OfText("cold"), -1, 0);
        ShouldGive(model, EmbeddingInput.OfText("hot teapot"), 0.6f, 0.8f); // (3, 0) + (0, 1) + 3 · (0, 1) = (3, 4)
        ShouldGive(model, EmbeddingInput.OfText("hot cold"), 0, 0);
    }

    [Fact]
    public void Embed_EveryTypeOfNumber_GivesTheSameVector()
    {
        var halves = Rows.Select(r => (Half)r).ToArray();
        var brains = Rows.Select(r => (ushort)(BitConverter.SingleToUInt32Bits(r) >> 16)).ToArray();
        SafetensorsWriter[] writers =
        [
            new SafetensorsWriter().Add<Half>("embeddings", "F16", halves, 7, 2),
            new SafetensorsWriter().Add<ushort>("embeddings", "BF16", brains, 7, 2),
            new SafetensorsWriter().Add<sbyte>("embeddings", "I8", [.. Rows.Select(r => (sbyte)r)], 7, 2),
            new SafetensorsWriter().Add<double>("embeddings", "F64", [.. Rows.Select(r => (double)r)], 7, 2),
            new SafetensorsWriter().Add("embedding.weight", Rows, 7, 2),
            new SafetensorsWriter().Add<byte>("first", "U8", [1], 1).Add("embeddings", Rows, 7, 2), // not aligned
        ];
        foreach (var writer in writers)
        {
            using var model = Load(writer);
            ShouldGive(model, EmbeddingInput.OfText("hot tea"), 0.6f, 0.8f);
            ShouldGive(model, EmbeddingInput.OfText("hot cold!"), 0.9486833f, 0.3162278f);
        }
    }

    [Fact]
    public void Embed_ManyDimensions_ConvertsEveryOneOfThem()
    {
        // 1,100: more than is kept on the stack, and no multiple of any vector register. Values that a bfloat16 holds exactly.
        const int Dimensions = 1_100;
        var rows = Enumerable.Range(0, 7 * Dimensions).Select(i => (float)((i % 251) - 125)).ToArray();
        var expected = rows.AsSpan(2 * Dimensions, Dimensions).ToArray(); // hot
        var length = Math.Sqrt(expected.Sum(v => (double)v * v));
        var brains = rows.Select(r => (ushort)(BitConverter.SingleToUInt32Bits(r) >> 16)).ToArray();
        using var model = Load(new SafetensorsWriter().Add<ushort>("embeddings", "BF16", brains, 7, Dimensions));
        var vector = new float[Dimensions];
        model.Embed(EmbeddingInput.OfText("hot"), vector);
        for (var i = 0; i < Dimensions; i++)
            vector[i].ShouldBe((float)(expected[i] / length), 1e-6f);
    }

    [Fact]
    public void Embed_Unigram_LeavesUnknownOut()
    {
        // "▁hot" + "tea": -1 + -2 beats "▁" + "h"… which has no tokens; "☃" is unknown.
        const string Tokenizer = """
            {"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁hot", -1], ["tea", -2], ["▁", -3]]},
             "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}}
            """;
        using var model = Load(new SafetensorsWriter().Add("embeddings", [5, 5, 3, 0, 0, 4, 0, 0], 4, 2), Tokenizer);
        ShouldGive(model, EmbeddingInput.OfText("hottea"), 0.6f, 0.8f);
        ShouldGive(model, EmbeddingInput.OfText("hot tea☃"), 0.6f, 0.8f);
        ShouldGive(model, EmbeddingInput.OfText("☃☃"), 0, 0);
    }

    [Fact]
    public void Embed_Tokens_AreTakenAsTheyAre()
    {
        using var model = Load(new SafetensorsWriter().Add("embeddings", Rows, 7, 2));
        ShouldGive(model, EmbeddingInput.OfTokens(new[] { 2, 4 }), 0.6f, 0.8f);
        ShouldGive(model, EmbeddingInput.OfTokens(new[] { 2, 1, 4 }), 0.6f, 0.8f); // unknown
        ShouldGive(model, EmbeddingInput.OfTokens(Array.Empty<int>()), 0, 0);
        Should.Throw<ArgumentOutOfRangeException>(() => model.Embed(EmbeddingInput.OfTokens(new[] { 7 }), new float[2]));
        Should.Throw<ArgumentOutOfRangeException>(() => model.Embed(EmbeddingInput.OfTokens(new[] { -1 }), new float[2]));
    }

    [Fact]
    public void Embed_LongText_CountsItsFirst512TokensOnly()
    {
        using var model = Load(new SafetensorsWriter().Add("embeddings", Rows, 7, 2));
        var tokens = Enumerable.Repeat(4, 512).Append(2).ToArray();
        ShouldGive(model, EmbeddingInput.OfTokens(tokens), 0, 1);
        ShouldGive(model, EmbeddingInput.OfTokens(tokens.AsMemory(1)), 3f / MathF.Sqrt(9 + (2044f * 2044)), 2044f / MathF.Sqrt(9 + (2044f * 2044)));
        // The median of tokens' lengths is 5 ([PAD] [UNK] ##pot 5, cold 4, hot tea 3, ! 1: 1 3 3 4 5 5 5): 4, so 2,048 code points count.
        ShouldGive(model, EmbeddingInput.OfText(new string(' ', 2_045) + "hot tea"), 1, 0);
        ShouldGive(model, EmbeddingInput.OfText(new string('\u2003', 2_045) + "hot tea"), 1, 0);
        ShouldGive(model, EmbeddingInput.OfText(new string(' ', 2_046) + "hot tea"), 0, 0);
    }

    [Fact]
    public void Embed_HugeAndTinyNumbers_StillGiveUnitLength()
    {
        float[] rows = [0, 0, 0, 0, 3e14f, 0, 0, 0, 0, 4e14f, 1e-30f, 0, 0, 1e-30f];
        using var model = Load(new SafetensorsWriter().Add("embeddings", rows, 7, 2));
        ShouldGive(model, EmbeddingInput.OfText("hot tea"), 0.6f, 0.8f);
        ShouldGive(model, EmbeddingInput.OfTokens(new[] { 5, 6 }), 0.70710678f, 0.70710678f);
    }

    [Fact]
    public void Revision_SameFiles_IsTheSame_AndAnyChangeIsAnother()
    {
        var original = RevisionOf(Rows, Words);
        original.Length.ShouldBe(32);
        RevisionOf(Rows, Words).ShouldBe(original);
        RevisionOf([.. Rows[..^1], 2], Words).ShouldNotBe(original);
        RevisionOf(Rows, [.. Words[..^1], "?"]).ShouldNotBe(original);

        string RevisionOf(float[] rows, string[] words)
        {
            using var model = Load(new SafetensorsWriter().Add("embeddings", rows, 7, 2), StaticModelFolder.Bert(words));
            return model.Revision;
        }
    }

    [Fact]
    public void Load_SentenceTransformersFolder_FindsTheModelInside()
    {
        Write(Path.Combine(_folder, "0_StaticEmbedding"), new SafetensorsWriter().Add("embedding.weight", Rows, 7, 2), StaticModelFolder.Bert(Words));
        using var model = StaticModel.Load(_folder);
        ShouldGive(model, EmbeddingInput.OfText("hot tea"), 0.6f, 0.8f);
    }

    [Fact]
    public void Embed_Disposed_Throws()
    {
        var model = Load(new SafetensorsWriter().Add("embeddings", Rows, 7, 2));
        model.Dispose();
        Should.Throw<ObjectDisposedException>(() => model.Embed(EmbeddingInput.OfText("hot"), new float[2]));
    }

    [Fact]
    public async Task Dispose_WhileOthersEmbed_NeverTakesTheMappingAway()
    {
        StaticModelFolder.Write(_folder, 2_000, 64, 1);
        for (var round = 0; round < 8; round++)
        {
            var model = StaticModel.Load(_folder);
            using var started = new CountdownEvent(3);
            var work = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
            {
                var vector = new float[64];
                var input = EmbeddingInput.OfText(string.Join(' ', Enumerable.Repeat("bamboo quite different", 50)));
                model.Embed(input, vector);
                started.Signal();
                try
                {
                    while (true)
                        model.Embed(input, vector);
                }
                catch (ObjectDisposedException)
                {
                    return;
                }
            })).ToArray();
            started.Wait();
            model.Dispose();
            await Task.WhenAll(work);
        }
    }

    [Fact]
    public void Embed_OnceWarm_KeepsItsBuffers()
    {
        StaticModelFolder.Write(_folder, 2_000, 64, 2);
        using var model = StaticModel.Load(_folder);
        var input = EmbeddingInput.OfText("An ordinary sentence, with Ünïcode and 12 numbers, of the length that people ask about.");
        var vector = new float[64];
        var ids = new List<int>();
        model.Tokenizer.Encode("An ordinary sentence", ids);
        var tokens = EmbeddingInput.OfTokens(ids.ToArray());
        Enumerable.Range(0, 50).Min(_ => Allocated(tokens)).ShouldBe(0);
        // Of a text nothing either once the runtime has optimised its own methods: before that they box a number here and there. A buffer would be kilobytes.
        Enumerable.Range(0, 50).Min(_ => Allocated(input)).ShouldBeLessThan(20 * 512L);

        long Allocated(EmbeddingInput of)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 20; i++)
                model.Embed(of, vector);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void Load_WhatDoesNotFit_IsRefusedNamingTheTensor()
    {
        Refused(new SafetensorsWriter().Add("other", [1f, 2], 1, 2)).ShouldContain("no tensor 'embeddings' (it has 'other')");
        Refused(new SafetensorsWriter().Add("embeddings", Rows, 14)).ShouldContain("tensor 'embeddings': its shape [14]");
        Refused(new SafetensorsWriter().Add("embeddings", Rows[..12], 6, 2)).ShouldContain("tensor 'embeddings': it has 6 rows, and the tokenizer 7 tokens");
        Refused(new SafetensorsWriter().Add<byte>("embeddings", "U8", new byte[14], 7, 2)).ShouldContain("tensor 'embeddings': its numbers are U8");
        Refused(new SafetensorsWriter().Add("embeddings", [.. Rows[..5], float.NaN, .. Rows[6..]], 7, 2)).ShouldContain("tensor 'embeddings': row 2 has a number that is not finite");
        Refused(new SafetensorsWriter().Add("embeddings", Rows, 7, 2).Add("weights", [1f], 1)).ShouldContain("tensor 'weights': its shape [1]");
        Refused(new SafetensorsWriter().Add("embeddings", Rows, 7, 2).Add("weights", [1, 1, 1, float.PositiveInfinity, 1, 1, 1], 7)).ShouldContain("tensor 'weights'");
        Refused(new SafetensorsWriter().Add("embeddings", Rows, 7, 2).Add<long>("mapping", "I64", [0, 1, 2, 3, 4, 5, 7], 7)).ShouldContain("tensor 'mapping': it sends token 6 to row 7, and there are 7");
        Refused(new SafetensorsWriter().Add("embeddings", Rows, 7, 2).Add<long>("mapping", "I64", [0, -1, 2, 3, 4, 5, 6], 7)).ShouldContain("token 1 to row -1");
        Should.Throw<ModelLoadException>(() => StaticModel.Load(_folder + "-no")).Message.ShouldContain("there is no such folder");
        Directory.CreateDirectory(_folder + "/empty");
        Should.Throw<ModelLoadException>(() => StaticModel.Load(_folder + "/empty")).Message.ShouldContain("tokenizer.json: it cannot be read");

        string Refused(SafetensorsWriter writer) => Should.Throw<ModelLoadException>(() => Load(writer).Dispose()).Message;
    }

    private static void ShouldGive(ILocalModel model, EmbeddingInput input, params float[] expected)
    {
        var vector = new float[expected.Length];
        vector.AsSpan().Fill(42);
        model.Embed(input, vector);
        for (var i = 0; i < vector.Length; i++)
            vector[i].ShouldBe(expected[i], 1e-6f, input.IsTokens ? "tokens" : Encoding.UTF8.GetString(input.Utf8.Span));
    }

    private static void Write(string folder, SafetensorsWriter writer, string tokenizer)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), writer.ToArray());
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), tokenizer);
    }

    private StaticModel Load(SafetensorsWriter writer, string? tokenizer = null)
    {
        Write(_folder, writer, tokenizer ?? StaticModelFolder.Bert(Words));
        return StaticModel.Load(_folder);
    }
}
