using System.Text.Json;

namespace Weir.Tests.Retrieval.Support;

/// <summary>A static model in model2vec's layout, of made-up words and random vectors: for tests and measurements without downloads.</summary>
internal static class StaticModelFolder
{
    private static readonly string[] Syllables =
        ["ba", "be", "co", "da", "di", "fo", "ga", "he", "in", "ka", "la", "le", "mi", "mo", "na", "ne", "or", "pa", "qui", "ra", "re", "sa", "si", "ta", "ter", "tion", "un", "ve", "wa", "zo"];

    /// <summary>Writes model.safetensors, tokenizer.json and config.json: 30,000 tokens of 256 dimensions are 30 MB.</summary>
    /// <param name="path">The folder; created if it is not there.</param>
    /// <param name="vocabulary">How many tokens, at least 200: BERT's special ones, letters and digits, so that every ASCII text has tokens, then words.</param>
    /// <param name="dimensions">The length of vectors.</param>
    /// <param name="seed">The same seed gives the same files.</param>
    /// <param name="words">Words in lower case to be tokens by themselves.</param>
    public static void Write(string path, int vocabulary, int dimensions, int seed, params string[] words)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabulary, 200);
        var random = new Random(seed);
        var tokens = new List<string> { "[PAD]", "[UNK]" };
        var known = new HashSet<string>();
        for (var c = '!'; c <= '~'; c++)
        {
            if (!char.IsAsciiLetterUpper(c) && known.Add(c.ToString()))
                tokens.Add(c.ToString());
            if (char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c))
                tokens.Add("##" + c);
        }

        tokens.AddRange(words.Where(known.Add));
        while (tokens.Count < vocabulary)
        {
            var word = string.Concat(Enumerable.Range(0, 1 + random.Next(4)).Select(_ => Syllables[random.Next(Syllables.Length)]));
            if (random.Next(5) == 0)
                word = "##" + word;
            if (known.Add(word))
                tokens.Add(word);
        }

        var vectors = new float[tokens.Count * dimensions];
        for (var i = 0; i < vectors.Length; i++)
            vectors[i] = (float)(random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5);

        Directory.CreateDirectory(path);
        File.WriteAllBytes(Path.Combine(path, "model.safetensors"), new SafetensorsWriter().Add("embeddings", vectors, tokens.Count, dimensions).ToArray());
        File.WriteAllText(Path.Combine(path, "tokenizer.json"), Bert(tokens));
        File.WriteAllText(Path.Combine(path, "config.json"), """{"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": true}""");
    }

    /// <summary>A tokenizer as BERT's (uncased), of which [PAD] and [UNK] are special.</summary>
    public static string Bert(IReadOnlyList<string> tokens) => JsonSerializer.Serialize(new
    {
        version = "1.0",
        added_tokens = tokens.Index().Where(t => t.Item is "[PAD]" or "[UNK]").Select(t => new
        {
            id = t.Index,
            content = t.Item,
            single_word = false,
            lstrip = false,
            rstrip = false,
            normalized = false,
            special = true,
        }),
        normalizer = new { type = "BertNormalizer", clean_text = true, handle_chinese_chars = true, strip_accents = (bool?)null, lowercase = true },
        pre_tokenizer = new { type = "BertPreTokenizer" },
        model = new
        {
            type = "WordPiece",
            unk_token = "[UNK]",
            continuing_subword_prefix = "##",
            max_input_chars_per_word = 100,
            vocab = tokens.Index().ToDictionary(t => t.Item, t => t.Index),
        },
    });
}
