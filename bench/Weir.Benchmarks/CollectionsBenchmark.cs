using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Collections.Storage;

namespace Weir.Benchmarks;

/// <summary>
/// Short documents into a collection over SQLite, as JSON Lines, with the hashing model: documents a second, and where the time goes; searches in three modes;
/// the start after a restart; memory.
/// </summary>
internal static class CollectionsBenchmark
{
    private const int Vocabulary = 50_000, Queries = 300, Seed = 1;

    private static readonly string[] Words = [.. Enumerable.Range(0, Vocabulary).Select(WordOf)];

    public static async Task<int> RunAsync(string[] args)
    {
        var count = args switch
        {
            [] => 20_000,
            ["--documents", var text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var given) && given > 0 => given,
            _ => 0,
        };
        if (count == 0)
        {
            await Console.Error.WriteLineAsync("bench collections [--documents N]");
            return 2;
        }

        var folder = Directory.CreateTempSubdirectory("weir-bench-").FullName;
        try
        {
            Console.WriteLine("| | |\n|---|---|");
            await using (var host = await CollectionsHost.StartAsync(folder))
            {
                await IngestAsync(host, count);
                await SearchAsync(host);
                await Console.Error.WriteLineAsync("changes");
                await ReplaceAsync(host, count);
            }

            await RestartAsync(folder, count);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task IngestAsync(CollectionsHost host, int count)
    {
        await Console.Error.WriteLineAsync("ingest");
        var collections = host.Service<KnowledgeCollections>();
        await collections.PutAsync(CollectionsHost.Scope, CollectionsHost.Collection, new CollectionChange(), CancellationToken.None);
        // The index follows while documents come in, as it does where somebody searches.
        await collections.GetAsync(CollectionsHost.Scope, CollectionsHost.Collection, CancellationToken.None);
        var body = Lines(new Random(Seed), 0, count);
        var began = Stopwatch.GetTimestamp();
        await TakeAsync(host, body, count);
        var took = Stopwatch.GetElapsedTime(began);
        VectorsBenchmark.Print($"| {count:N0} documents of {body.Length / count} bytes taken in | {count / took.TotalSeconds:N0} a second |");

        // The same texts under no name that is known: what cutting and embedding alone take.
        var record = host.Service<CollectionDirectory>().Find(CollectionsHost.Scope.Tenant, CollectionsHost.Collection)!;
        var random = new Random(Seed + 1);
        PackedText[] texts = [.. Enumerable.Range(0, Math.Min(count, 5_000)).Select(_ => new PackedText(TextOf(random), false, null))];
        began = Stopwatch.GetTimestamp();
        foreach (var part in texts.Chunk(256))
            await host.Service<DocumentEmbedder>().EmbedAsync(record, part, CollectionsHost.Asker, CancellationToken.None);
        VectorsBenchmark.Print($"| cut and embedded, nothing else | {texts.Length / Stopwatch.GetElapsedTime(began).TotalSeconds:N0} a second |");
    }

    private static async Task SearchAsync(CollectionsHost host)
    {
        await Console.Error.WriteLineAsync("searches");
        var collections = host.Service<KnowledgeCollections>();
        foreach (var mode in Enum.GetValues<CollectionSearchMode>())
        {
            var random = new Random(Seed + 2);
            var times = new List<double>();
            for (var i = 0; i < Queries + 50; i++)
            {
                var request = new CollectionSearchRequest { Query = TextOf(random, 6), Mode = mode };
                var began = Stopwatch.GetTimestamp();
                var (_, error) = await collections.SearchAsync(CollectionsHost.Scope, CollectionsHost.Collection, request, CollectionsHost.Asker, TimeSpan.FromMinutes(1), CancellationToken.None);
                if (error is not null)
                    throw new InvalidOperationException(error.Message);
                if (i >= 50)
                    times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }

            times.Sort();
            VectorsBenchmark.Print($"| {mode.ToString().ToLowerInvariant()} search of 6 words, p50 and p99 | {times[Queries / 2]:0.00} and {times[Queries * 99 / 100]:0.00} ms |");
        }
    }

    /// <summary>One document replaced at a time: how long whoever changes one waits until it is found.</summary>
    private static async Task ReplaceAsync(CollectionsHost host, int count)
    {
        var random = new Random(Seed + 3);
        var times = new List<double>();
        for (var i = 0; i < 100; i++)
        {
            var body = Lines(random, random.Next(count), 1);
            var began = Stopwatch.GetTimestamp();
            await TakeAsync(host, body, 1);
            times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        times.Sort();
        VectorsBenchmark.Print($"| one document replaced, p50 and slowest | {times[50]:0.0} and {times[^1]:0.0} ms |");
    }

    private static async Task RestartAsync(string folder, int count)
    {
        await Console.Error.WriteLineAsync("restart");
        VectorsBenchmark.Collect();
        await using var host = await CollectionsHost.StartAsync(folder);
        var before = VectorsBenchmark.Private();
        var began = Stopwatch.GetTimestamp();
        var request = new CollectionSearchRequest { Query = "first", Mode = CollectionSearchMode.Sparse };
        await host.Service<KnowledgeCollections>().SearchAsync(
            CollectionsHost.Scope, CollectionsHost.Collection, request, CollectionsHost.Asker, TimeSpan.FromMinutes(5), CancellationToken.None);
        VectorsBenchmark.Print($"| from a restart to the first search | {Stopwatch.GetElapsedTime(began).TotalSeconds:0.00} s |");
        VectorsBenchmark.Collect();
        var view = (await host.Service<KnowledgeCollections>().GetAsync(CollectionsHost.Scope, CollectionsHost.Collection, CancellationToken.None)).Value!;
        VectorsBenchmark.Print($"| memory, as estimated and as the process has it | {(double)view.IndexBytes! / count:N0} and {(double)(VectorsBenchmark.Private() - before) / count:N0} bytes a document |");
        await CollectionsParts.RunAsync(host);
    }

    private static async Task TakeAsync(CollectionsHost host, byte[] body, int count)
    {
        var documents = host.Service<KnowledgeDocuments>();
        var outcome = await documents.IngestAsync(
            CollectionsHost.Scope, CollectionsHost.Collection, documents.ReadLines(new MemoryStream(body), CancellationToken.None), CollectionsHost.Asker, null, CancellationToken.None);
        if (outcome.Report.Documents != count)
            throw new InvalidOperationException($"{outcome.Report.Documents} documents of {count} went in: {outcome.Error?.Message}");
    }

    private static byte[] Lines(Random random, int first, int count)
    {
        var lines = new StringBuilder();
        for (var i = 0; i < count; i++)
            lines.Append(JsonSerializer.Serialize(new { id = $"document-{first + i}", text = TextOf(random), metadata = new { number = i } })).Append('\n');
        return Encoding.UTF8.GetBytes(lines.ToString());
    }

    private static string TextOf(Random random) => TextOf(random, random.Next(40, 81));

    /// <summary>Words whose chance is about 1 / rank, as Zipf says.</summary>
    private static string TextOf(Random random, int length) =>
        string.Join(' ', Enumerable.Range(0, length).Select(_ => Words[(int)Math.Exp(random.NextDouble() * Math.Log(Vocabulary)) - 1]));

    private static string WordOf(int number)
    {
        var word = new StringBuilder();
        for (var rest = number + 10; rest > 0; rest /= 20)
            word.Append("bcdfghklmnprstvwzxjq"[rest % 20]).Append("aeiou"[rest % 5]);
        return word.ToString();
    }
}
