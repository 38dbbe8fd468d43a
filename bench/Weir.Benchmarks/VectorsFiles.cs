using System.Buffers.Binary;
using System.Diagnostics;
using Weir.Retrieval.Vectors;
using Weir.Retrieval.Vectors.Files;

namespace Weir.Benchmarks;

/// <summary>A restart: an index filled from a file of vectors, its floats copied or left in the file.</summary>
internal static class VectorsFiles
{
    public static void Run(VectorsData data, int count, int dimensions, int batch)
    {
        Console.Error.WriteLine("files");
        var folder = Directory.CreateTempSubdirectory("weir-bench-vectors-").FullName;
        try
        {
            Write(folder, data, count, dimensions, batch);
            foreach (var copy in new[] { true, false })
                VectorsBenchmark.Print($"From the file to the first search, {(copy ? "floats copied" : "floats left in the file")}: {Load(folder, count, dimensions, batch, copy)}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Write(string folder, VectorsData data, int count, int dimensions, int batch)
    {
        using var file = VectorFile.Open(folder, dimensions, "bench");
        var (writing, key) = (TimeSpan.Zero, new byte[16]);
        for (var from = 0; from < count; from += batch)
        {
            var rows = data.Rows(Math.Min(batch, count - from), from);
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; i < rows.Length / dimensions; i++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(key, from + i);
                if (!file.Append(key, rows.AsSpan(i * dimensions, dimensions)))
                    throw new IOException(file.Fault);
            }

            writing += Stopwatch.GetElapsedTime(began);
        }

        VectorsBenchmark.Print($"Written to a file: {count / writing.TotalSeconds:N0} vectors a second, {file.Bytes / (double)count:N0} bytes a vector.");
        Console.WriteLine();
    }

    private static string Load(string folder, int count, int dimensions, int batch, bool copy)
    {
        VectorsBenchmark.Collect();
        var before = VectorsBenchmark.Private();
        var began = Stopwatch.GetTimestamp();
        using var file = VectorFile.Open(folder, dimensions, "bench");
        var opened = Stopwatch.GetElapsedTime(began);
        using var index = new VectorIndex(dimensions, new VectorIndexSettings { CopyVectors = copy });
        var (key, upserts) = (new byte[16], new List<VectorUpsert>(batch));
        for (var i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(key, i);
            if (!file.TryGet(key, out var vector))
                throw new IOException($"vector {i} is not in the file");
            upserts.Add(new VectorUpsert(i, vector));
            if (upserts.Count < batch && i < count - 1)
                continue;
            index.Apply(upserts, []);
            upserts.Clear();
        }

        var query = new float[dimensions];
        index.Snapshot.TryGet(count / 2, query);
        var found = index.Snapshot.Search(query, 10)[0].Id == count / 2;
        var whole = Stopwatch.GetElapsedTime(began);
        var times = Enumerable.Range(0, 11).Select(_ =>
        {
            var one = Stopwatch.GetTimestamp();
            index.Snapshot.Search(query, 10);
            return Stopwatch.GetElapsedTime(one).TotalMilliseconds;
        });
        FormattableString line = $"{whole.TotalSeconds:0.0} s, of which {opened.TotalSeconds:0.0} s check every record ({(found ? "found" : "NOT FOUND")}); p50 of a search {VectorsBenchmark.Median(times):0.0} ms; private memory {VectorsBenchmark.Private() - before >> 20:N0} MB more.\n";
        return line.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }
}
