using System.Text.Json.Serialization;
using Weir.Client.Wire;

namespace Weir.Client;

/// <summary>Vectors of texts.</summary>
/// <param name="Vectors">In the order of the texts.</param>
/// <param name="Model">As the server names it.</param>
/// <param name="PromptTokens">Of all texts, as the server counts them.</param>
public sealed record TextEmbeddings(IReadOnlyList<ReadOnlyMemory<float>> Vectors, string Model, int PromptTokens);

internal sealed record EmbeddingBody(string Model, IReadOnlyList<string> Input, int? Dimensions, string EncodingFormat = "base64");

internal sealed record EmbeddingAnswer
{
    public IReadOnlyList<Item> Data { get; init; } = [];

    public string? Model { get; init; }

    public TokenUsage? Usage { get; init; }

    internal sealed record Item
    {
        public int Index { get; init; }

        [JsonConverter(typeof(VectorConverter))]
        public ReadOnlyMemory<float> Embedding { get; init; }
    }

    internal sealed record TokenUsage
    {
        public int PromptTokens { get; init; }
    }
}

/// <summary>What is known of a text.</summary>
public sealed record TextExplanation
{
    public string Model { get; init; } = "";

    /// <summary>Names the vectors: those of one revision may be compared, those of two may not.</summary>
    public string Revision { get; init; } = "";

    /// <summary>Null: not known yet.</summary>
    public int? Dimensions { get; init; }

    /// <summary>Estimated where the model has no tokenizer in Weir.</summary>
    public int TokenCount { get; init; }

    /// <summary>The first of them. Null: the model has no tokenizer in Weir.</summary>
    public IReadOnlyList<TextToken>? Tokens { get; init; }

    /// <summary><c>memory</c>, <c>store</c> or <c>absent</c>.</summary>
    public string Cached { get; init; } = "";

    /// <summary>Whether it is being made at this moment.</summary>
    public bool InFlight { get; init; }

    /// <summary>How often the asker's tenant asked for it. Null: not that is remembered.</summary>
    public TextCalls? Calls { get; init; }
}

/// <summary>A token as it stands in the model's vocabulary.</summary>
public sealed record TextToken(int Id, string Text);

/// <summary>How often a text was asked for, when first and when last.</summary>
public sealed record TextCalls(long Count, DateTimeOffset First, DateTimeOffset Last);

internal sealed record ExplainBody(string Text, string Model);
