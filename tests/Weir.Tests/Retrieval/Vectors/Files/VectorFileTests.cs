using System.Text;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Vectors.Files;
using Weir.Tests.Flow;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Vectors.Files;

public sealed class VectorFileTests : IDisposable
{
    private const int Dimensions = 6;
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-vectors-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Append_RandomSchedulesWithRestarts_EqualADictionary() => RandomSchedule.Run(15, random =>
    {
        var folder = Path.Combine(_folder, $"{Guid.NewGuid():N}");
        // A part of 96 + 4096 bytes holds few records, so that parts fill, empty and are written anew.
        var settings = new VectorFileSettings { PartBytes = 4096 + 96 * random.Next(1, 40) };
        var model = new Dictionary<string, float[]>();
        var file = Open(folder, settings);
        for (var step = 0; step < 80; step++)
        {
            for (var i = random.Next(8); i > 0; i--)
            {
                var key = $"k{random.Next(200)}{new string('x', random.Next(3) * 20)}";
                model[key] = NaiveVectors.Unit(random, Dimensions);
                file.Append(Key(key), model[key]).ShouldBeTrue();
            }

            if (random.Next(6) == 0)
            {
                foreach (var key in model.Keys.Where(_ => random.Next(3) == 0).ToArray())
                    model.Remove(key);
                var before = file.Count;
                file.Retain(model.Keys.Append("never here").Select(k => new ReadOnlyMemory<byte>(Key(k)))).ShouldBe(before - model.Count);
            }

            if (random.Next(10) == 0)
            {
                file.Dispose();
                file = Open(folder, settings);
                file.Count.ShouldBeGreaterThanOrEqualTo(model.Count);
                file.Retain(model.Keys.Select(k => new ReadOnlyMemory<byte>(Key(k))));
            }

            file.Fault.ShouldBeNull();
            file.Count.ShouldBe(model.Count);
            foreach (var (key, vector) in model)
                Read(file, key).ShouldBe(vector);
            Read(file, "never here").ShouldBeNull();
        }

        // At least half of each part is used, but for the last and those half of whose rows were replaced since.
        file.Retain([]).ShouldBe(model.Count);
        Directory.GetFiles(folder, "*.vectors").Length.ShouldBeLessThanOrEqualTo(1);
        file.Dispose();
    });

    [Fact]
    public void Open_TornAtEveryByte_HasTheWholeRecordsBeforeTheTear()
    {
        var (path, vectors) = Written(5);
        var whole = File.ReadAllBytes(path);
        var record = new VectorFileLayout(Dimensions, "r1").RecordBytes;
        var used = 4096 + vectors.Length * record;
        for (var length = 0; length <= used; length += length is > 100 and < 4000 ? 50 : 1)
        {
            File.WriteAllBytes(path, whole.AsSpan(0, length));
            using (var file = Open(_folder))
            {
                var expected = length < 4096 ? 0 : (length - 4096) / record;
                // A record whose last bytes are zeros anyway is whole without them.
                file.Count.ShouldBeGreaterThanOrEqualTo(expected);
                for (var i = 0; i < vectors.Length; i++)
                    if (i < expected)
                        Read(file, $"k{i}").ShouldBe(vectors[i]);
                    else if (Read(file, $"k{i}") is { } found)
                        found.ShouldBe(vectors[i]);
                file.Append(Key("after"), vectors[0]).ShouldBeTrue();
            }

            using (var file = Open(_folder))
                Read(file, "after").ShouldBe(vectors[0]);
            foreach (var part in Directory.GetFiles(_folder, "*.vectors"))
                File.Delete(part);
        }
    }

    [Fact]
    public void Open_EveryBitFlipped_NeverGivesAnotherVector()
    {
        var (path, vectors) = Written(2);
        var whole = File.ReadAllBytes(path);
        var used = 4096 + 2 * new VectorFileLayout(Dimensions, "r1").RecordBytes;
        for (var bit = 0; bit < used * 8; bit += bit is > 64 * 8 and < 4090 * 8 ? 997 : 1)
        {
            var bytes = (byte[])whole.Clone();
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            File.WriteAllBytes(path, bytes);
            var logger = new RecordingLogger<VectorFile>();
            using var file = Open(_folder, logger: logger);
            // The rest of the header's page is not used.
            var (header, slot) = (bit < 64 * 8, bit / 8 - 4096 < 0 ? -1 : (bit / 8 - 4096) / (used / 2 - 2048));
            for (var i = 0; i < 2; i++)
                (Read(file, $"k{i}") ?? vectors[i]).ShouldBe(vectors[i]);
            file.Count.ShouldBe(header ? 0 : slot < 0 ? 2 : 1, $"bit {bit}");
            logger.Lines.Count.ShouldBe(header || slot >= 0 ? 1 : 0);
            File.Exists(path).ShouldBe(!header);
        }
    }

    [Fact]
    public void Open_AnotherRevisionOrWidth_DropsWhatIsThere()
    {
        Written(3);
        Open(_folder, revision: "r2").Dispose();
        Directory.GetFiles(_folder, "*.vectors").ShouldBeEmpty();
        Written(3);
        using var wider = VectorFile.Open(_folder, Dimensions + 1, "r1");
        wider.Count.ShouldBe(0);
    }

    [Fact]
    public void Open_HeldByAnother_KeepsNothingAndSaysSo()
    {
        using var first = Open(_folder);
        var logger = new RecordingLogger<VectorFile>();
        using var second = Open(_folder, logger: logger);

        second.Fault.ShouldNotBeNull();
        second.Append(Key("k"), new float[Dimensions]).ShouldBeFalse();
        second.Retain([]).ShouldBe(0);
        logger.Lines.ShouldHaveSingleItem();
        first.Append(Key("k"), new float[Dimensions]).ShouldBeTrue();
    }

    [Fact]
    public void Append_PastTheBound_IsRefusedUntilThereIsRoomAgain()
    {
        var logger = new RecordingLogger<VectorFile>();
        using var file = Open(_folder, new VectorFileSettings { MostBytes = 4096 + 960, PartBytes = 1 << 20 }, logger);
        var kept = 0;
        while (file.Append(Key($"k{kept}"), new float[Dimensions]))
            kept++;

        kept.ShouldBe(10);
        file.Append(Key("more"), new float[Dimensions]).ShouldBeFalse();
        file.Fault.ShouldNotBeNull();
        logger.Lines.ShouldHaveSingleItem();
        file.Retain([Key("k1")]).ShouldBe(9);
        file.Append(Key("more"), new float[Dimensions]).ShouldBeTrue();
        Read(file, "k1").ShouldNotBeNull();
    }

    [Fact]
    public void TryGet_RowsLent_OutliveCompactionAndClosing()
    {
        var file = Open(_folder);
        var vectors = Enumerable.Range(0, 600).Select(i => NaiveVectors.Unit(new Random(i), Dimensions)).ToArray();
        var lent = new ReadOnlyMemory<float>[600];
        for (var i = 0; i < 600; i++)
        {
            file.Append(Key($"k{i}"), vectors[i]).ShouldBeTrue();
            file.TryGet(Key($"k{i}"), out lent[i]).ShouldBeTrue();
        }

        file.Retain([Key("k7")]);
        file.Dispose();
        GC.Collect();
        GC.WaitForPendingFinalizers();

        for (var i = 0; i < 600; i++)
            lent[i].ToArray().ShouldBe(vectors[i]);
    }

    [Fact]
    public void Append_WrongLengths_AreThrownBack()
    {
        using var file = Open(_folder);
        Should.Throw<ArgumentException>(() => file.Append([], new float[Dimensions]));
        Should.Throw<ArgumentException>(() => file.Append(new byte[65], new float[Dimensions]));
        Should.Throw<ArgumentException>(() => file.Append([1], new float[Dimensions + 1])).Message.ShouldContain("6");
        file.Append(new byte[64], new float[Dimensions]).ShouldBeTrue();
    }

    private (string Path, float[][] Vectors) Written(int count)
    {
        using var file = Open(_folder);
        var vectors = Enumerable.Range(0, count).Select(i => NaiveVectors.Unit(new Random(i), Dimensions)).ToArray();
        for (var i = 0; i < count; i++)
            file.Append(Key($"k{i}"), vectors[i]).ShouldBeTrue();
        return (Directory.GetFiles(_folder, "*.vectors").ShouldHaveSingleItem(), vectors);
    }

    private static VectorFile Open(string folder, VectorFileSettings? settings = null, ILogger? logger = null, string revision = "r1") =>
        VectorFile.Open(folder, Dimensions, revision, settings, logger);

    private static byte[] Key(string key) => Encoding.UTF8.GetBytes(key);

    private static float[]? Read(VectorFile file, string key)
    {
        var vector = new float[Dimensions];
        return file.TryRead(Key(key), vector) ? vector : null;
    }
}
