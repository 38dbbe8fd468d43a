namespace Weir.Retrieval.Vectors;

/// <summary>A vector that is added, or takes the place of the one with the same id.</summary>
/// <param name="Id">Chosen by the index's user; unique in one index. Ids that ascend are found fastest.</param>
/// <param name="Vector">
/// As many numbers as the index has dimensions, of unit length where scores are to be cosines. It is copied.
/// </param>
internal readonly record struct VectorUpsert(long Id, ReadOnlyMemory<float> Vector);

/// <summary>A vector that was found.</summary>
/// <param name="Id">Whose it is.</param>
/// <param name="Score">The dot product with the query, from the floats: the cosine, where both are of unit length.</param>
internal readonly record struct VectorHit(long Id, float Score);
