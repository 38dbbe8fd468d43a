namespace Weir.Retrieval.Vectors;

/// <summary>How a vector index searches.</summary>
internal sealed record VectorIndexSettings;
