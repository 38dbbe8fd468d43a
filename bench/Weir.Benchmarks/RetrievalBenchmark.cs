using System.Diagnostics;
using System.Globalization;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Fusion;
using Weir.Retrieval.Models.Hashing;
using Weir.Retrieval.Models.Static;
using Weir.Retrieval.Sparse;
using Weir.Retrieval.Vectors;

namespace Weir.Benchmarks;

/// <summary>How well each mode of searching finds known evidence; beside them BM25 without any analysis.</summary>
internal static class RetrievalBenchmark
{
    /// <summary>How deep each ranking is fused.</summary>
    private const int FusedDepth = 100;

    private const string Usage =
        "weir bench retrieval [FOLDER] [--model hashing|hashing:DIMENSIONS|static:PATH] | --scale TEXTS\n" +
        "FOLDER holds documents.jsonl ({id, title?, text} a line) and questions.jsonl ({id, question, evidence: [id, …], kind?} a line); " +
        "without one, the questions of this repository. --scale measures the sparse index on so many texts that are made up.";

    public static async Task<int> RunAsync(string[] args)
    {
        string? folder = null;
        var model = "hashing";
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--scale" && i + 1 < args.Length && int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var texts) && texts > 0)
                return RetrievalScale.Run(texts);
            if (args[i] == "--model" && i + 1 < args.Length)
                model = args[++i];
            else if (folder is null && !args[i].StartsWith('-'))
                folder = args[i];
            else
                model = "";
        }

        using var embedding = ModelOf(model);
        if (embedding is null)
        {
            await Console.Error.WriteLineAsync(Usage);
            return 2;
        }

        Measure(RetrievalQuestions.Load(folder ?? Path.Combine(RootFolder(), "bench", "data", "retrieval")), embedding, model);
        return 0;
    }

    private static ILocalModel? ModelOf(string model) => model.Split(':', 2) switch
    {
        ["hashing"] => new HashingModel(),
        ["hashing", var dimensions] when int.TryParse(dimensions, NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            && length is >= HashingModel.MinDimensions and <= HashingModel.MaxDimensions => new HashingModel(length),
        ["static", var path] => StaticModel.Load(path),
        _ => null,
    };

    private static void Measure(RetrievalQuestions set, ILocalModel model, string modelName)
    {
        string[] texts = [.. set.Documents.Select(d => d.Title is null ? d.Text : $"{d.Title}\n{d.Text}")];
        string[] ids = [.. set.Documents.Select(d => d.Id)];
        var sparse = new SparseIndex();
        var unstemmed = new SparseIndex(new() { Stemming = false });
        var dense = new VectorIndex(model.Dimensions);
        SparseUpsert[] upserts = [.. texts.Select((text, i) => new SparseUpsert(i, text))];
        var start = Stopwatch.GetTimestamp();
        sparse.Apply(upserts, []);
        var sparseTime = Stopwatch.GetElapsedTime(start);
        unstemmed.Apply(upserts, []);
        start = Stopwatch.GetTimestamp();
        VectorUpsert[] vectors = [.. texts.Select((text, i) => new VectorUpsert(i, Embed(model, text)))];
        var denseTime = Stopwatch.GetElapsedTime(start);
        dense.Apply(vectors, []);
        var peer = new RetrievalPeer(texts);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{texts.Length} documents of {texts.Average(t => t.Length):0} characters, {set.Questions.Count} questions with {set.Questions.Average(q => q.Evidence.Count):0.0} documents of evidence each; model {modelName}, {model.Dimensions} dimensions.\nIndexed: sparse in {sparseTime.TotalMilliseconds:0} ms, {(double)sparse.Snapshot.Bytes / texts.Length:0} bytes a document; embedded in {denseTime.TotalMilliseconds:0} ms."));
        Console.WriteLine();

        IReadOnlyList<VectorHit> Dense(string query, int k) => dense.Snapshot.Search(Embed(model, query).Span, k);
        IReadOnlyList<string> Hybrid(string query, int k, FusionMethod method) =>
            IdsOf(HybridRanking.Fuse(Dense(query, FusedDepth), sparse.Snapshot.Search(query, FusedDepth), new() { Method = method }, k).Select(h => h.Id));
        IReadOnlyList<string> IdsOf(IEnumerable<long> found) => [.. found.Select(id => ids[id])];

        RetrievalFigures[] modes =
        [
            new("plain BM25 (peer)", set.Questions, (query, k) => [.. peer.Search(query, k).Select(i => ids[i])]),
            new("sparse, no stemming", set.Questions, (query, k) => IdsOf(unstemmed.Snapshot.Search(query, k).Select(h => h.Id))),
            new("sparse", set.Questions, (query, k) => IdsOf(sparse.Snapshot.Search(query, k).Select(h => h.Id))),
            new("dense", set.Questions, (query, k) => IdsOf(Dense(query, k).Select(h => h.Id))),
            new("hybrid, by rank", set.Questions, (query, k) => Hybrid(query, k, FusionMethod.ReciprocalRank)),
            new("hybrid, weighted", set.Questions, (query, k) => Hybrid(query, k, FusionMethod.Weighted)),
        ];
        foreach (var mode in modes)
            mode.Measure();
        foreach (var kind in (IEnumerable<string?>)[null, .. set.Questions.Select(q => q.Kind).Where(k => k is not null).Distinct(StringComparer.Ordinal)])
        {
            Console.WriteLine($"**{kind ?? "all questions"}**, {set.Questions.Count(q => kind is null || q.Kind == kind)}\n");
            Console.WriteLine("| mode | recall@1 | recall@5 | recall@10 | nDCG@10 | ms a query |\n|---|---|---|---|---|---|");
            foreach (var mode in modes)
                Console.WriteLine(mode.RowOf(kind));
            Console.WriteLine();
        }
    }

    private static ReadOnlyMemory<float> Embed(ILocalModel model, string text)
    {
        var vector = new float[model.Dimensions];
        model.Embed(EmbeddingInput.OfText(text), vector);
        return vector;
    }

    private static string RootFolder()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Weir.slnx")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("This runs from the repository: Weir.slnx was not found above the program.");
        return folder;
    }
}
