using System.Diagnostics;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Sparse;
using Weir.Retrieval.Vectors;

namespace Weir.Benchmarks;

/// <summary>What a start after a restart consists of, each part done by itself, one after the other.</summary>
internal static class CollectionsParts
{
    private const int Group = 256;

    public static async Task RunAsync(CollectionsHost host)
    {
        var record = host.Service<CollectionDirectory>().Find(CollectionsHost.Scope.Tenant, CollectionsHost.Collection)!;
        var documents = new CollectionDocuments(host.Store, record.Partition);
        var began = Stopwatch.GetTimestamp();
        var stored = new List<DocumentRecord>();
        await foreach (var document in documents.AllAsync(CancellationToken.None))
            stored.Add(document.Value);
        Print("the list of documents", began);

        stored = [.. stored.OrderBy(document => document.Text.Pack, StringComparer.Ordinal).ThenBy(document => document.Text.Offset)];
        await using var reader = new PackReader(host.Store.Blobs);
        began = Stopwatch.GetTimestamp();
        var texts = new List<PackedText>(stored.Count);
        foreach (var document in stored)
            texts.Add((await reader.TextAsync(document.Text, CancellationToken.None))!);
        Print("texts, read and parsed", began);

        began = Stopwatch.GetTimestamp();
        var vectors = new List<PackedVectors>(stored.Count);
        foreach (var document in stored)
            vectors.Add((await reader.VectorsAsync(document.Vectors.Slice, CancellationToken.None))!);
        Print("chunks and vectors, read and parsed", began);

        began = Stopwatch.GetTimestamp();
        var sparse = new SparseIndex();
        var upserts = texts.Zip(vectors).SelectMany(static pair => pair.Second.Chunks.Select(chunk => DocumentEmbedder.SearchText(pair.First.Text, chunk)))
            .Select(static (text, id) => new SparseUpsert(id, text));
        foreach (var group in upserts.Chunk(Group))
            sparse.Apply(group, []);
        Print("the sparse index", began);

        began = Stopwatch.GetTimestamp();
        using var dense = new VectorIndex(vectors[0].Dimensions);
        foreach (var group in vectors.SelectMany(static packed => Enumerable.Range(0, packed.Chunks.Count).Select(chunk => packed[chunk]))
            .Select(static (vector, id) => new VectorUpsert(id, vector)).Chunk(Group))
        {
            dense.Apply(group, []);
        }

        Print("the vector index", began);
    }

    private static void Print(string part, long began) => VectorsBenchmark.Print($"| … {part} | {Stopwatch.GetElapsedTime(began).TotalSeconds:0.00} s |");
}
