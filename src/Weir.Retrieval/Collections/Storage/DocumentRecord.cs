using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.Retrieval.Collections.Storage;

/// <summary>One document of a collection: where its bytes are. Text and vectors change at different times and lie apart.</summary>
internal sealed record DocumentRecord
{
    public required string Id { get; init; }

    /// <summary>SHA-256 of text, metadata and format: the same content is not taken in twice.</summary>
    public required string Content { get; init; }

    /// <summary>Of the text, in UTF-8.</summary>
    public required int Bytes { get; init; }

    public required DateTimeOffset Updated { get; init; }

    /// <summary>The loaded file that it comes from; null: it was sent.</summary>
    public string? Source { get; init; }

    public required PackSlice Text { get; init; }

    public required VectorSlice Vectors { get; init; }

    /// <summary>Its vectors in the shape that the collection is changing to; null: it is not changing, or this one has not been done yet.</summary>
    public VectorSlice? Next { get; init; }

    /// <summary>The packs it names.</summary>
    [JsonIgnore]
    public IEnumerable<PackSlice> Slices => Next is { } next ? [Text, Vectors.Slice, next.Slice] : [Text, Vectors.Slice];

    public VectorSlice? In(EmbeddingShape shape) => Vectors.Shape == shape ? Vectors : Next?.Shape == shape ? Next : null;
}

/// <summary>A part of a blob.</summary>
internal sealed record PackSlice(string Pack, long Offset, int Length);

/// <summary>Where a document's chunks and their vectors are.</summary>
internal sealed record VectorSlice(PackSlice Slice, EmbeddingShape Shape, int Chunks);

/// <summary>All that chunks and vectors depend on beside the text.</summary>
/// <param name="Model">The name by which the embedding service knows the model.</param>
/// <param name="Revision">The model's.</param>
/// <param name="Tokens">The most of one chunk.</param>
/// <param name="Overlap">Tokens that chunks share.</param>
internal sealed record EmbeddingShape(string Model, string Revision, int Tokens, int Overlap);

/// <summary>A blob that holds parts of several documents. It is written down before its first byte is stored, so that a crash leaves nothing unknown.</summary>
/// <param name="State">draft until a document names it; then live; gone once nothing may name it any more.</param>
/// <param name="Created">In store time.</param>
/// <param name="Bytes">Of the blob.</param>
internal sealed record PackRecord(PackState State, DateTimeOffset Created, long Bytes);

internal enum PackState
{
    Draft,
    Live,
    Gone,
}

/// <summary>A document's text as it lies in a pack.</summary>
internal sealed record PackedText(string Text, bool Markdown, JsonElement? Metadata);

/// <summary>One chunk of a text.</summary>
internal sealed record PackedChunk(int Start, int Length, string? Heading);

/// <summary>A document as stored, and the version that a change of it must expect.</summary>
internal sealed record StoredDocument(string Key, long Version, DocumentRecord Value);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(CollectionRecord))]
[JsonSerializable(typeof(RemovedRecord))]
[JsonSerializable(typeof(DocumentRecord))]
[JsonSerializable(typeof(PackRecord))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(PackedText))]
[JsonSerializable(typeof(IReadOnlyList<PackedChunk>))]
internal sealed partial class CollectionJson : JsonSerializerContext
{
    /// <summary>The same, with letters of every script as they are.</summary>
    public static CollectionJson Compact { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
