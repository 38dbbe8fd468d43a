namespace Weir.Retrieval.Vectors;

/// <summary>A vector that is added, or takes the place of the one with the same id.</summary>
/// <param name="Id">Chosen by the index's user; unique in one index.</param>
/// <param name="Vector">Of unit length where scores are to be cosines; as many numbers as the index has dimensions. It is copied.</param>
internal readonly record struct VectorUpsert(long Id, ReadOnlyMemory<float> Vector);

/// <summary>A vector that was found.</summary>
/// <param name="Id">Whose it is.</param>
/// <param name="Score">The dot product with the query: the cosine, where both are of unit length.</param>
internal readonly record struct VectorHit(long Id, float Score);
