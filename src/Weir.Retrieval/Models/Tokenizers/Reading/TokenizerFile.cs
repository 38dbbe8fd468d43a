using System.Text.Json;

namespace Weir.Retrieval.Models.Tokenizers.Reading;

/// <summary>Reads Hugging Face's tokenizer.json. Truncation, padding, post-processing and decoding are left aside: none of them changes a text's own tokens.</summary>
internal static class TokenizerFile
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 32 };

    /// <param name="file">Its name, for errors.</param>
    /// <param name="json">Its content.</param>
    /// <exception cref="ModelLoadException">It is not such a file, or needs what is not supported; the message says what and where.</exception>
    public static Tokenizer Read(string file, ReadOnlyMemory<byte> json)
    {
        try
        {
            // A byte order mark is no JSON, and editors write one.
            using var document = JsonDocument.Parse(json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json, Options);
            return Read(new JsonPart(file, "", document.RootElement));
        }
        // InvalidOperationException: a string of JSON that is no text (half of a pair of surrogates).
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new ModelLoadException($"{file}: it is not valid JSON: {fault.Message}", fault);
        }
    }

    private static Tokenizer Read(JsonPart root)
    {
        var vocabulary = new Vocabulary();
        var model = root.Need("model");
        var kind = KindReading.Read(model, vocabulary);
        var added = root.Get("added_tokens")?.Items().Select(token => Added(token, vocabulary)).ToList() ?? [];
        return new Tokenizer(
            vocabulary,
            kind,
            root.Get("normalizer") is { } normalizer ? NormalizerReading.Read(normalizer) : [],
            root.Get("pre_tokenizer") is { } preTokenizer ? PreTokenizerReading.Read(preTokenizer) : [],
            added);
    }

    private static AddedToken Added(JsonPart token, Vocabulary vocabulary)
    {
        var (content, id) = (token.Need("content").Text, token.Need("id"));
        KindReading.Add(id, vocabulary, content, id.Number);
        var special = token.FlagOf("special", false);
        return new AddedToken(
            id.Number,
            content,
            token.FlagOf("single_word", false),
            token.FlagOf("lstrip", false),
            token.FlagOf("rstrip", false),
            token.FlagOf("normalized", !special));
    }
}
