using System.Text.Json;
using Weir.Client.Wire;

namespace Weir.Client;

/// <summary>Vectors of texts, from any embedding model of Weir.</summary>
public sealed class EmbeddingsClient
{
    /// <summary>What is named where no model is.</summary>
    public const string DefaultModel = "default";

    // Of one request; more are sent in several, one after the other.
    private const int MostTexts = 2048;
    private const int MostCharacters = 2_000_000;

    private readonly WeirConnection _connection;

    internal EmbeddingsClient(WeirConnection connection) => _connection = connection;

    internal Uri Root => _connection.Root;

    /// <summary>The vector of one text, of unit length.</summary>
    /// <param name="text">Not empty.</param>
    /// <param name="model">An embedding model of Weir, a route, or provider/model.</param>
    /// <param name="dimensions">Fewer than the model's: the vector's beginning, of unit length again. Null: all.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<ReadOnlyMemory<float>> EmbedAsync(string text, string model = DefaultModel, int? dimensions = null, CancellationToken cancellationToken = default) =>
        (await EmbedAsync([text], model, dimensions, cancellationToken).ConfigureAwait(false)).Vectors[0];

    /// <summary>The vectors of many texts, in as many requests as it takes.</summary>
    /// <param name="texts">None of them empty; the same text may stand there often and is embedded once.</param>
    /// <param name="model">An embedding model of Weir, a route, or provider/model.</param>
    /// <param name="dimensions">Fewer than the model's: the vector's beginning, of unit length again. Null: all.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<TextEmbeddings> EmbedAsync(
        IReadOnlyList<string> texts, string model = DefaultModel, int? dimensions = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var vectors = new ReadOnlyMemory<float>[texts.Count];
        var tokens = 0;
        var named = model;
        for (int start = 0, end; start < texts.Count; start = end)
        {
            end = EndOfRequest(texts, start);
            IReadOnlyList<string> part = [.. texts.Skip(start).Take(end - start)];
            var answer = await _connection.SendAsync(
                HttpMethod.Post, "v1/embeddings", WeirContent.Json(new EmbeddingBody(model, part, dimensions), WeirJson.Default.EmbeddingBody),
                WeirJson.Default.EmbeddingAnswer, cancellationToken).ConfigureAwait(false);
            Place(answer, vectors.AsSpan(start, end - start));
            tokens += answer.Usage?.PromptTokens ?? 0;
            named = answer.Model ?? named;
        }

        return new TextEmbeddings(vectors, named, tokens);
    }

    /// <summary>Why a text has the vector that it has: its tokens, the model and its revision, and whether it is cached.</summary>
    public Task<TextExplanation> ExplainAsync(string text, string model = DefaultModel, CancellationToken cancellationToken = default) => _connection.SendAsync(
        HttpMethod.Post, "v1/embeddings/explain", WeirContent.Json(new ExplainBody(text, model), WeirJson.Default.ExplainBody), WeirJson.Default.TextExplanation, cancellationToken);

    /// <summary>What the embedding service has done: its cache, its models, and its hits per client.</summary>
    public Task<JsonElement> StatsAsync(CancellationToken cancellationToken = default) =>
        _connection.SendAsync(HttpMethod.Get, "v1/embeddings/stats", null, WeirJson.Default.JsonElement, cancellationToken);

    private static int EndOfRequest(IReadOnlyList<string> texts, int start)
    {
        var end = start;
        long characters = 0;
        do
            characters += texts[end++].Length;
        while (end < texts.Count && end - start < MostTexts && characters + texts[end].Length <= MostCharacters);
        return end;
    }

    private static void Place(EmbeddingAnswer answer, Span<ReadOnlyMemory<float>> vectors)
    {
        foreach (var item in answer.Data)
        {
            if (item.Index < 0 || item.Index >= vectors.Length || !vectors[item.Index].IsEmpty)
                throw Invalid($"it has a vector {item.Index} of {vectors.Length}");
            vectors[item.Index] = item.Embedding;
        }

        foreach (var vector in vectors)
        {
            if (vector.IsEmpty)
                throw Invalid($"it has {answer.Data.Count} vectors for {vectors.Length} texts");
        }

        static WeirException Invalid(string why) => new($"The answer is not what Weir would say: {why}.") { Code = "invalid_answer" };
    }
}
