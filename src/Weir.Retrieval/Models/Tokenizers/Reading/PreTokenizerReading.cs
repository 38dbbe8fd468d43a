using Weir.Retrieval.Models.Tokenizers.PreTokenizers;
using Weir.Retrieval.Unicode;

namespace Weir.Retrieval.Models.Tokenizers.Reading;

/// <summary>Reads the steps that cut text into pieces; a sequence of sequences becomes one list.</summary>
internal static class PreTokenizerReading
{
    public static IEnumerable<PreTokenizer> Read(JsonPart step) => step.Kind switch
    {
        "Sequence" => step.Need("pretokenizers").Items().SelectMany(Read),
        "BertPreTokenizer" => [new BertSplit()],
        "Whitespace" => [new WordSplit()],
        "WhitespaceSplit" => [new CharacterSplit(CodePoints.IsWhiteSpace, SplitBehavior.Removed)],
        "Punctuation" => [new CharacterSplit(Characters.IsPunctuation, step.Get("behavior") is { } behavior ? Behavior(behavior) : SplitBehavior.Isolated)],
        "Digits" => [new CharacterSplit(Characters.IsNumeric, step.FlagOf("individual_digits", false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous)],
        "Split" => [new PatternSplit(PatternReading.Read(step.Need("pattern")), Behavior(step.Need("behavior")), step.FlagOf("invert", false))],
        "CharDelimiterSplit" => [new PatternSplit(Pattern.Literal(NotEmpty(step.Need("delimiter"))), SplitBehavior.Removed, invert: false)],
        "Metaspace" => [Metaspace(step)],
        "ByteLevel" => [new ByteLevel(step.FlagOf("add_prefix_space", true), step.FlagOf("use_regex", true))],
        _ => throw step.Unsupported("pre-tokenizer", "BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, Digits, Split, CharDelimiterSplit, Metaspace, ByteLevel and Sequence"),
    };

    private static Metaspace Metaspace(JsonPart step)
    {
        var replacement = step.Need("replacement");
        var prepend = step.Get("prepend_scheme") is { } scheme
            ? scheme.Text switch
            {
                "always" => MetaspacePrepend.Always,
                "first" => MetaspacePrepend.First,
                "never" => MetaspacePrepend.Never,
                _ => throw scheme.Wrong("is none of always, first and never"),
            }
            : step.FlagOf("add_prefix_space", true) ? MetaspacePrepend.Always : MetaspacePrepend.Never;
        return replacement.Text.Length == 1
            ? new Metaspace(replacement.Text[0], prepend, step.FlagOf("split", true))
            : throw replacement.Wrong("is not one character");
    }

    private static SplitBehavior Behavior(JsonPart behavior) => behavior.Text switch
    {
        "Removed" => SplitBehavior.Removed,
        "Isolated" => SplitBehavior.Isolated,
        "MergedWithPrevious" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" => SplitBehavior.MergedWithNext,
        "Contiguous" => SplitBehavior.Contiguous,
        _ => throw behavior.Wrong("is none of Removed, Isolated, MergedWithPrevious, MergedWithNext and Contiguous"),
    };

    private static string NotEmpty(JsonPart text) => text.Text.Length > 0 ? text.Text : throw text.Wrong("is empty");
}
