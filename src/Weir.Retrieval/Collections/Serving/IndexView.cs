using System.Collections.Immutable;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Sparse;
using Weir.Retrieval.Vectors;

namespace Weir.Retrieval.Collections.Serving;

/// <summary>All of a collection's index at one revision. It never changes; a search takes one at its start.</summary>
internal sealed record IndexView
{
    public static readonly IndexView Empty = new();
    private const int MostNamed = 3;
    private const int LongestName = 100;

    /// <summary>Of the last commit that is in it; 0: none.</summary>
    public long Revision { get; init; }

    public ImmutableDictionary<string, ServedDocument> Documents { get; init; } = ImmutableDictionary<string, ServedDocument>.Empty;

    /// <summary>The documents by the numbers of their parts.</summary>
    public ImmutableDictionary<long, ServedDocument> Parts { get; init; } = ImmutableDictionary<long, ServedDocument>.Empty;

    /// <summary>One for each shape that a document has; two or more while the model changes.</summary>
    public ImmutableArray<ShapeView> Shapes { get; init; } = [];

    /// <summary>Documents whose bytes could not be read, each with its id.</summary>
    public ImmutableDictionary<string, string> Broken { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Some of them by their ids.</summary>
    public string BrokenNames => string.Join(", ", Broken.Values.Order(StringComparer.Ordinal).Take(MostNamed).Select(id => $"'{Shown(id)}'")) + (Broken.Count > MostNamed ? ", …" : "");

    /// <summary>Of the documents, in memory, estimated.</summary>
    public long DocumentBytes { get; init; }

    /// <summary>Of all texts, in UTF-8.</summary>
    public long TextBytes { get; init; }

    /// <summary>In memory, estimated.</summary>
    public long Footprint => DocumentBytes + Shapes.Sum(shape => shape.Sparse.Bytes + (shape.Vectors?.Bytes ?? 0));

    private static string Shown(string id) => id.Length <= LongestName ? id : string.Concat(id.AsSpan(0, LongestName), "…");
}

/// <summary>The documents of one shape.</summary>
/// <param name="Shape">Which.</param>
/// <param name="Documents">How many.</param>
/// <param name="Chunks">How many.</param>
/// <param name="Dimensions">Of its vectors; 0: there are none.</param>
/// <param name="Vectors">Null: none of them has a chunk.</param>
/// <param name="Sparse">Of the same chunks.</param>
internal sealed record ShapeView(EmbeddingShape Shape, int Documents, int Chunks, int Dimensions, VectorSnapshot? Vectors, SparseSnapshot Sparse);
