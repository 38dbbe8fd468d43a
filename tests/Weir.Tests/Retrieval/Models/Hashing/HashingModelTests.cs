using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Models.Hashing;
using Weir.Retrieval.Text;

namespace Weir.Tests.Retrieval.Models.Hashing;

public sealed class HashingModelTests
{
    // The table of docs/hashing-model.md, made by its Python: 64 dimensions, the SHA-256 of the vector as little-endian floats.
    [Theory]
    [InlineData("a", "ad56803ba88a0065")]
    [InlineData("Hello, world!", "a82f77c7da703a92")]
    [InlineData("the quick brown fox", "fd5be59437d097d8")]
    [InlineData("getUserProfile fetches user profiles", "00c8d0e61de25c8d")]
    [InlineData("Größe ＡＢＣ ﬁle Ёлка", "83bd040d5d8145d7")]
    [InlineData("東京都の天気", "07e597018ec5e0fd")]
    [InlineData("한국어 검색", "7e64ca5b3281db41")]
    [InlineData("10.0.12 e-mail it's", "e76dadd7624a7b81")]
    [InlineData("tools tools tools queries", "844ab0e358cd0d61")]
    public void Embed_TextsOfTheTable_GiveItsVectors(string text, string digest)
    {
        var vector = VectorOf(text, 64);
        Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(vector.AsSpan())))[..16].ShouldBe(digest);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(100)]
    [InlineData(383)]
    [InlineData(384)]
    public void Embed_IntoFewerDimensions_IsWhatAModelOfSoManyGives(int dimensions)
    {
        using var model = new HashingModel(384);
        foreach (var text in (string[])["a", "Hello, world!", "getUserProfile fetches user profiles", "東京都の天気", ""])
        {
            var vector = new float[dimensions];
            model.Embed(EmbeddingInput.OfText(text), vector);
            vector.ShouldBe(VectorOf(text, dimensions));
        }
    }

    [Theory]
    [InlineData(63)]
    [InlineData(385)]
    public void Embed_IntoAnotherLength_IsRefused(int dimensions)
    {
        using var model = new HashingModel(384);
        Should.Throw<ArgumentOutOfRangeException>(() => model.Embed(EmbeddingInput.OfText("a"), new float[dimensions]));
    }

    [Fact]
    public void Fold_LettersOfTheTables_AreThoseOfUnicode()
    {
        // Made by Python's unicodedata from the rule in docs/hashing-model.md.
        var folded = new List<string>();
        var buffer = new char[CharacterFolding.MaxLength];
        foreach (var (first, last) in ((int, int)[])[(0, 0x52f), (0x1e00, 0x1fff), (0xfb00, 0xfb06), (0xff01, 0xff9f)])
        {
            for (var c = first; c <= last; c++)
                folded.Add(new string(buffer, 0, CharacterFolding.Fold(new Rune(c), buffer)));
        }

        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', folded)))).ShouldBe("32a315f512ea6d14e9a29eba159a9d9095d2a65a17bb283eb77532cc838efe2c");
    }

    [Fact]
    public void Embed_SpelledAlike_IsNearerThanSpelledOtherwise()
    {
        var query = VectorOf("retrieve user profiles");
        Cosine(query, VectorOf("getUserProfile")).ShouldBeGreaterThan(0.35f);
        Cosine(query, VectorOf("retrieving the profile of a user")).ShouldBeGreaterThan(0.6f);
        Cosine(query, VectorOf("weather in Berlin tomorrow")).ShouldBeLessThan(0.15f);
        Cosine(VectorOf("东京的天气"), VectorOf("東京天气")).ShouldBeGreaterThan(0.3f);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \t\r\n")]
    [InlineData("?!… — 🙂")]
    [InlineData("\u0301\u0302")]
    public void Embed_NoWords_GivesZeros(string text) => VectorOf(text).ShouldAllBe(x => x == 0);

    [Theory]
    [InlineData("a", 400_000)]
    [InlineData("ab ", 200_000)]
    [InlineData("漢", 200_000)]
    [InlineData("aB", 200_000)]
    [InlineData("\u00df", 200_000)]
    [InlineData("𠀀", 100_000)]
    public void Embed_HugeText_HasUnitLength(string piece, int times) => LengthOf(VectorOf(string.Concat(Enumerable.Repeat(piece, times)))).ShouldBe(1f, 1e-5f);

    [Fact]
    public void Embed_MoreDistinctWordsThanAreCounted_StillHasUnitLength() =>
        LengthOf(VectorOf(string.Join(' ', Enumerable.Range(0, 100_000).Select(i => $"w{i}漢{(char)(0x4e00 + (i % 20_000))}")))).ShouldBe(1f, 1e-5f);

    [Fact]
    public void Embed_AnyText_HasUnitLengthOrIsZero()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var i = 0; i < 2000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ =>
                new Rune(random.Next(3) == 0 ? random.Next(0x80) : random.Next(2) == 0 ? random.Next(0xd800) : random.Next(0xe000, 0x110000)).ToString()));
            var length = LengthOf(VectorOf(text, 64));
            (length == 0 || Math.Abs(length - 1) < 1e-5).ShouldBeTrue($"seed {seed}: {length}");
        }
    }

    [Fact]
    public void Embed_OnceWarm_AllocatesNothing()
    {
        var model = new HashingModel();
        var input = EmbeddingInput.OfText(string.Join(' ', Enumerable.Range(0, 300).Select(i => $"word{i} Größe 東京")));
        var vector = new float[model.Dimensions];
        for (var i = 0; i < 3; i++)
            model.Embed(input, vector);
        var before = GC.GetAllocatedBytesForCurrentThread();
        model.Embed(input, vector);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void Revision_Dimensions_NameThem()
    {
        new HashingModel(384).Revision.ShouldBe(new HashingModel().Revision);
        new HashingModel(384).Revision.ShouldNotBe(new HashingModel(512).Revision);
        new HashingModel().Revision.ShouldMatch("^[0-9a-f]{32}$");
    }

    [Theory]
    [InlineData(63)]
    [InlineData(4097)]
    public void Constructor_OtherDimensions_AreRefused(int dimensions) => Should.Throw<ArgumentOutOfRangeException>(() => new HashingModel(dimensions));

    private static float[] VectorOf(string text, int dimensions = 384)
    {
        var vector = new float[dimensions];
        new HashingModel(dimensions).Embed(EmbeddingInput.OfText(text), vector);
        return vector;
    }

    private static float Cosine(float[] a, float[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static float LengthOf(float[] vector) => MathF.Sqrt(vector.Sum(x => x * x));
}
