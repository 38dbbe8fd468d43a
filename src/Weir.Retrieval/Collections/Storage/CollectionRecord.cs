using System.Text.Json.Serialization;

namespace Weir.Retrieval.Collections.Storage;

/// <summary>What a collection is.</summary>
internal sealed record CollectionRecord
{
    /// <summary>New at each creation: what was deleted and made again under the same name shares nothing.</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Whose; null: everybody reads it.</summary>
    public string? Tenant { get; init; }

    public required string EmbeddingModel { get; init; }

    public required CollectionChunk Chunk { get; init; }

    public required CollectionWeights Weights { get; init; }

    public required DateTimeOffset Created { get; init; }

    [JsonIgnore]
    public bool IsGlobal => Tenant is null;

    [JsonIgnore]
    public string Key => CollectionDefinitions.Key(Tenant, Name);

    [JsonIgnore]
    public string Partition => CollectionDefinitions.PartitionOf(Id);

    /// <summary>For whom the embedding service works on its behalf.</summary>
    [JsonIgnore]
    public string Client => $"collection:{Name}";
}

/// <summary>A deleted collection of which something may be left.</summary>
/// <param name="Id">Which.</param>
/// <param name="At">When it was deleted, in store time.</param>
internal sealed record RemovedRecord(string Id, DateTimeOffset At);

/// <summary>A collection's definition as stored, and the version that a change of it must expect.</summary>
internal sealed record StoredCollection(long Version, CollectionRecord Value);
