using System.Text;
using Weir.Retrieval.Unicode;

namespace Weir.Tests.Retrieval.Models;

public class UnicodeNormalizerTests
{
    [Theory]
    [InlineData("abc", "abc", "abc", "abc", "abc")]
    [InlineData("é", "\u00E9", "e\u0301", "\u00E9", "e\u0301")]
    [InlineData("e\u0301", "\u00E9", "e\u0301", "\u00E9", "e\u0301")]
    // Marks of different classes come into the order of their classes: the dot below (220) before the dot above (230).
    [InlineData("a\u0307\u0323", "\u1EA1\u0307", "a\u0323\u0307", "\u1EA1\u0307", "a\u0323\u0307")]
    // Marks of one class keep their order, and the second does not reach the letter.
    [InlineData("a\u0300\u0301", "\u00E0\u0301", "a\u0300\u0301", "\u00E0\u0301", "a\u0300\u0301")]
    [InlineData("\uFB01\u2460\uFF21", "\uFB01\u2460\uFF21", "\uFB01\u2460\uFF21", "fi1A", "fi1A")]
    [InlineData("가각", "가각", "\u1100\u1161\u1100\u1161\u11A8", "가각", "\u1100\u1161\u1100\u1161\u11A8")]
    [InlineData("\u212B", "\u00C5", "A\u030A", "\u00C5", "A\u030A")]
    // Excluded from composition.
    [InlineData("\u0958", "\u0915\u093C", "\u0915\u093C", "\u0915\u093C", "\u0915\u093C")]
    [InlineData("\u1E9B\u0323", "\u1E9B\u0323", "\u017F\u0323\u0307", "\u1E69", "s\u0323\u0307")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165", "\U0001D157\U0001D165", "\U0001D157\U0001D165", "\U0001D157\U0001D165")]
    [InlineData("\U0002F800", "\u4E3D", "\u4E3D", "\u4E3D", "\u4E3D")]
    public void Normalize_EveryForm_AsTheStandardSays(string text, string c, string d, string kc, string kd)
    {
        UnicodeNormalizer.Normalize(text, NormalizationForm.FormC).ShouldBe(c);
        UnicodeNormalizer.Normalize(text, NormalizationForm.FormD).ShouldBe(d);
        UnicodeNormalizer.Normalize(text, NormalizationForm.FormKC).ShouldBe(kc);
        UnicodeNormalizer.Normalize(text, NormalizationForm.FormKD).ShouldBe(kd);
    }

    [Fact]
    public void Normalize_LoneSurrogates_AreLeftAsTheyAre() =>
        UnicodeNormalizer.Normalize("\uD800\u00E9\uDC00", NormalizationForm.FormD).ShouldBe("\uD800e\u0301\uDC00");

    [Fact]
    public void Normalize_RandomText_IsStableAndFormsAgree()
    {
        const int Seed = 20261;
        var random = new Random(Seed);
        int[] blocks = [0x40, 0xC0, 0x300, 0x320, 0x1100, 0x1160, 0x11A0, 0xAC00, 0x1E00, 0xFB00, 0x900, 0x1D150, 0x3300];
        for (var round = 0; round < 2_000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => char.ConvertFromUtf32(blocks[random.Next(blocks.Length)] + random.Next(32))));
            var c = UnicodeNormalizer.Normalize(text, NormalizationForm.FormC);
            var d = UnicodeNormalizer.Normalize(text, NormalizationForm.FormD);
            UnicodeNormalizer.Normalize(c, NormalizationForm.FormC).ShouldBe(c, $"seed {Seed}, round {round}");
            UnicodeNormalizer.Normalize(d, NormalizationForm.FormD).ShouldBe(d, $"seed {Seed}, round {round}");
            UnicodeNormalizer.Normalize(d, NormalizationForm.FormC).ShouldBe(c, $"seed {Seed}, round {round}");
            UnicodeNormalizer.Normalize(c, NormalizationForm.FormD).ShouldBe(d, $"seed {Seed}, round {round}");
            UnicodeNormalizer.Normalize(d, NormalizationForm.FormKC).ShouldBe(UnicodeNormalizer.Normalize(text, NormalizationForm.FormKC), $"seed {Seed}, round {round}");
        }
    }

    [Fact]
    public void Normalize_WallOfMarks_KeepsEveryOneInOrder()
    {
        var marks = string.Concat(Enumerable.Repeat("\u0307\u0323", 50_000));
        UnicodeNormalizer.Normalize("x" + marks, NormalizationForm.FormD).ShouldBe("x" + new string('\u0323', 50_000) + new string('\u0307', 50_000));
    }
}
