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

internal sealed record ExplainBody(string Input, string Model);
