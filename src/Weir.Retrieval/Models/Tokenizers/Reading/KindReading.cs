using Weir.Retrieval.Models.Tokenizers.Kinds;

namespace Weir.Retrieval.Models.Tokenizers.Reading;

/// <summary>Reads what makes tokens of pieces: the vocabulary, and how it is used.</summary>
internal static class KindReading
{
    /// <summary>Of a prefix or suffix, in characters: they are put together with every character on the stack.</summary>
    private const int LongestAffix = 64;

    public static ITokenKind Read(JsonPart model, Vocabulary vocabulary) => model.Kind switch
    {
        "WordPiece" => WordPiece(model, vocabulary),
        "WordLevel" => WordLevel(model, vocabulary),
        "Unigram" => Unigram(model, vocabulary),
        "BPE" => BytePair(model, vocabulary),
        _ => throw model.Unsupported("model of a tokenizer", "WordPiece, Unigram, BPE and WordLevel"),
    };

    /// <summary>Adds a token, its id checked: ids may leave a few out, but not millions, which a flipped digit would have us hold in memory.</summary>
    public static void Add(JsonPart place, Vocabulary vocabulary, string token, int id)
    {
        if (id > (4L * vocabulary.Tokens.Count) + 65_536)
            throw place.Wrong($"is {id}, far beyond the {vocabulary.Tokens.Count} tokens before it");
        if (!vocabulary.TryAdd(token, id))
            throw place.Wrong($"gives the token '{token}' the id {id}: one of the two is taken already");
    }

    private static WordPiece WordPiece(JsonPart model, Vocabulary vocabulary)
    {
        AddAll(model, vocabulary);
        return new WordPiece(
            vocabulary,
            Unknown(model, vocabulary) is >= 0 and var id ? id : throw model.Wrong("has no unk_token"),
            model.TextOf("continuing_subword_prefix", "##"),
            model.Get("max_input_chars_per_word")?.Number ?? 100);
    }

    private static WordLevel WordLevel(JsonPart model, Vocabulary vocabulary)
    {
        AddAll(model, vocabulary);
        return new WordLevel(vocabulary, Unknown(model, vocabulary));
    }

    private static Unigram Unigram(JsonPart model, Vocabulary vocabulary)
    {
        var scores = new List<double>();
        foreach (var item in model.Need("vocab").Items())
        {
            if (item.Items().ToList() is not [var token, var score])
                throw item.Wrong("is not a token and its score");
            Add(token, vocabulary, token.Text, scores.Count);
            scores.Add(score.Real);
        }

        if (scores.Count == 0)
            throw model.Wrong("has an empty vocab");
        var unknown = model.Get("unk_id");
        if (unknown is { } id && id.Number >= scores.Count)
            throw id.Wrong($"is {id.Number}, and there are {scores.Count} tokens");
        return new Unigram(vocabulary, [.. scores], unknown?.Number ?? -1, model.FlagOf("byte_fallback", false));
    }

    private static BytePair BytePair(JsonPart model, Vocabulary vocabulary)
    {
        AddAll(model, vocabulary);
        if (model.Get("dropout") is { } dropout && dropout.Real > 0)
            throw dropout.Wrong("is more than 0: merges would be left out at random, and no vector be the same twice");
        var continuation = Affix(model, "continuing_subword_prefix");
        var merges = new Dictionary<long, (int Rank, int Into)>();
        foreach (var merge in model.Need("merges").Items())
        {
            var (left, right) = Sides(merge);
            var into = left + (right.StartsWith(continuation, StringComparison.Ordinal) ? right[continuation.Length..] : right);
            var (leftId, rightId, intoId) = (vocabulary.IdOf(left), vocabulary.IdOf(right), vocabulary.IdOf(into));
            if (leftId < 0 || rightId < 0 || intoId < 0)
                throw merge.Wrong($"merges '{left}' and '{right}' into '{into}', and not all of them are in the vocab");
            merges.TryAdd(Kinds.BytePair.Pair(leftId, rightId), (merges.Count, intoId));
        }

        return new BytePair(vocabulary, merges, new BytePairSettings(
            Unknown(model, vocabulary),
            model.FlagOf("fuse_unk", false),
            model.FlagOf("byte_fallback", false),
            model.FlagOf("ignore_merges", false),
            continuation,
            Affix(model, "end_of_word_suffix")));
    }

    private static string Affix(JsonPart model, string name)
    {
        var affix = model.TextOf(name, "");
        return affix.Length <= LongestAffix ? affix : throw model.Need(name).Wrong($"has {affix.Length} characters, more than {LongestAffix}");
    }

    private static (string Left, string Right) Sides(JsonPart merge)
    {
        if (merge.Value.ValueKind == System.Text.Json.JsonValueKind.Array)
            return merge.Items().ToList() is [var left, var right] ? (left.Text, right.Text) : throw merge.Wrong("is not a pair");
        return merge.Text.Split(' ') is [var first, var second] ? (first, second) : throw merge.Wrong("is not two tokens with a space between");
    }

    private static void AddAll(JsonPart model, Vocabulary vocabulary)
    {
        foreach (var (token, id) in model.Need("vocab").Properties().OrderBy(p => p.Part.Number))
            Add(id, vocabulary, token, id.Number);
        if (vocabulary.Size == 0)
            throw model.Wrong("has an empty vocab");
    }

    private static int Unknown(JsonPart model, Vocabulary vocabulary)
    {
        if (model.Get("unk_token") is not { } unknown)
            return -1;
        return vocabulary.IdOf(unknown.Text) is >= 0 and var id ? id : throw unknown.Wrong($"is '{unknown.Text}', which is not in the vocab");
    }
}
