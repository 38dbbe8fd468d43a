using System.Text;
using Weir.Retrieval.Models.Tokenizers.Normalizers;

namespace Weir.Retrieval.Models.Tokenizers.Reading;

/// <summary>Reads the steps that rewrite text; a sequence of sequences becomes one list.</summary>
internal static class NormalizerReading
{
    public static IEnumerable<Normalizer> Read(JsonPart step) => step.Kind switch
    {
        "Sequence" => step.Need("normalizers").Items().SelectMany(Read),
        "BertNormalizer" => Bert(step),
        "NFC" => [new UnicodeForm(NormalizationForm.FormC)],
        "NFD" => [new UnicodeForm(NormalizationForm.FormD)],
        "NFKC" => [new UnicodeForm(NormalizationForm.FormKC)],
        "NFKD" => [new UnicodeForm(NormalizationForm.FormKD)],
        "Lowercase" => [new Lowercase()],
        "StripAccents" => [new StripMarks(nonSpacingOnly: false)],
        "Strip" => [new Strip(step.FlagOf("strip_left", true), step.FlagOf("strip_right", true))],
        "Replace" => [new Replace(PatternReading.Read(step.Need("pattern")), step.Need("content").Text)],
        "Prepend" => [new Prepend(step.Need("prepend").Text)],
        "ByteLevel" => [new ByteCharacters()],
        "Precompiled" => [Precompiled(step)],
        _ => throw step.Unsupported("normalizer", "BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, StripAccents, Strip, Replace, Prepend, Precompiled, ByteLevel and Sequence"),
    };

    private static IEnumerable<Normalizer> Bert(JsonPart step)
    {
        var lowercase = step.FlagOf("lowercase", true);
        if (step.FlagOf("clean_text", true) is var clean && step.FlagOf("handle_chinese_chars", true) is var chinese && (clean || chinese))
            yield return new BertCleaning(clean, chinese);
        if (step.FlagOf("strip_accents", lowercase))
        {
            yield return new UnicodeForm(NormalizationForm.FormD);
            yield return new StripMarks(nonSpacingOnly: true);
        }

        if (lowercase)
            yield return new Lowercase();
    }

    private static Precompiled Precompiled(JsonPart step)
    {
        var map = step.Need("precompiled_charsmap");
        var bytes = new byte[map.Text.Length];
        return Convert.TryFromBase64String(map.Text, bytes, out var written) && Normalizers.Precompiled.TryRead(bytes.AsSpan(0, written)) is { } read
            ? read
            : throw map.Wrong("is not a map of characters in base64");
    }
}
