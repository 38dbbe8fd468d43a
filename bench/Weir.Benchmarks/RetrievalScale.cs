using System.Diagnostics;
using System.Globalization;
using Weir.Retrieval.Sparse;

namespace Weir.Benchmarks;

/// <summary>Time and memory of the sparse index on made-up texts: 40 to 80 words each, words as frequent as Zipf says.</summary>
internal static class RetrievalScale
{
    private const int Vocabulary = 200_000, InOneCall = 1000, Queries = 500, Seed = 1;

    public static int Run(int count)
    {
        var random = new Random(Seed);
        var words = Enumerable.Range(0, Vocabulary).Select(i => WordOf(i + 10)).ToArray();
        var index = new SparseIndex();
        var slowest = TimeSpan.Zero;
        var total = TimeSpan.Zero;
        for (var first = 0; first < count; first += InOneCall)
        {
            SparseUpsert[] texts = [.. Enumerable.Range(first, Math.Min(InOneCall, count - first)).Select(i => new SparseUpsert(i, TextOf(random, words, random.Next(40, 81))))];
            var start = Stopwatch.GetTimestamp();
            index.Apply(texts, []);
            var took = Stopwatch.GetElapsedTime(start);
            (total, slowest) = (total + took, took > slowest ? took : slowest);
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{count} texts, {InOneCall} a call: {count / total.TotalSeconds:0} texts/s, the slowest call {slowest.TotalMilliseconds:0} ms; {(double)index.Snapshot.Bytes / count:0} bytes a text, {index.Snapshot.Views.Count} segments.\n"));
        Console.WriteLine("| words in a query | p50 ms | p99 ms |\n|---|---|---|");
        foreach (var length in (int[])[2, 5, 12, 60])
        {
            string[] queries = [.. Enumerable.Range(0, Queries).Select(_ => TextOf(random, words, length))];
            var times = queries.Concat(queries).Select(query =>
            {
                var start = Stopwatch.GetTimestamp();
                index.Snapshot.Search(query, 10);
                return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }).Skip(Queries).Order().ToArray();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {length} | {times[Queries / 2]:0.00} | {times[Queries * 99 / 100]:0.00} |"));
        }

        var replaced = Stopwatch.GetTimestamp();
        for (var i = 0; i < 100; i++)
            index.Apply([new(count + i, TextOf(random, words, 60))], [random.Next(count)]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nOne text replaced: {Stopwatch.GetElapsedTime(replaced).TotalMilliseconds / 100:0.00} ms."));
        return 0;
    }

    private static string TextOf(Random random, string[] words, int length) => string.Join(' ', Enumerable.Range(0, length).Select(_ => words[RankOf(random)]));

    /// <summary>A rank whose chance is about 1 / rank.</summary>
    private static int RankOf(Random random) => (int)Math.Exp(random.NextDouble() * Math.Log(Vocabulary)) - 1;

    private static string WordOf(int number)
    {
        Span<char> word = stackalloc char[16];
        var length = 0;
        for (; number > 0; number /= 20)
        {
            word[length++] = "bcdfghklmnprstvwzxjq"[number % 20];
            word[length++] = "aeiou"[number % 5];
        }

        return word[..length].ToString();
    }
}
