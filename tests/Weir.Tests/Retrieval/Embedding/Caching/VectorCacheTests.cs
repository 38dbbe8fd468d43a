using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Caching;
using Weir.Tests.Flow;
using Weir.Tests.Retrieval.Embedding.Support;

namespace Weir.Tests.Retrieval.Embedding.Caching;

public sealed class VectorCacheTests
{
    [Fact]
    public void Put_AnyOrderOfThem_HoldsNoMoreThanItsBoundAndCountsWhatItHolds() => RandomSchedule.Run(30, random =>
    {
        var cache = new VectorCache(random.Next(1, 200_000));
        var known = new Dictionary<VectorKey, float>();
        for (var step = 0; step < 2000; step++)
        {
            var key = Key(random.Next(200));
            switch (random.Next(10))
            {
                case < 5:
                    var vector = new float[random.Next(1, 64)];
                    vector[0] = known[key] = random.Next(1, 100);
                    cache.Put(key, KeptVector.Of(vector, 1, (VectorPrecision)random.Next(2)));
                    break;
                case < 9:
                    if (cache.TryGet(key, VectorPrecision.Int8, 0, out var kept))
                        kept.ToFloats().Span[0].ShouldBe(known[key], known[key] / 100);
                    break;
                default:
                    if (random.Next(20) == 0)
                        cache.Clear();
                    else if (random.Next(5) == 0)
                        cache.Bound(random.Next(1, 200_000));
                    break;
            }

            var (_, bytes, _) = cache.Count();
            bytes.ShouldBeInRange(0, cache.MaxBytes);
        }

        var held = Enumerable.Range(0, 200).Select(Key).Sum(key => cache.TryGet(key, VectorPrecision.Int8, 0, out var kept) ? kept.Bytes + VectorShard.Overhead : 0L);
        cache.Count().Bytes.ShouldBe(held);
        cache.Clear();
        cache.Count().ShouldSatisfyAllConditions(count => count.Entries.ShouldBe(0), count => count.Bytes.ShouldBe(0));
    });

    [Fact]
    public void TryGet_AfterAScan_StillHasWhatWasAskedForTwice()
    {
        var cache = new VectorCache(16 * 100 * (64 + VectorShard.Overhead));
        var vector = KeptVector.Of(new float[16], 1, VectorPrecision.Float32);
        for (var i = 0; i < 400; i++)
            cache.Put(Key(i), vector);
        for (var i = 0; i < 400; i++)
            cache.TryGet(Key(i), VectorPrecision.Float32, 0, out _).ShouldBeTrue();
        for (var i = 1000; i < 100_000; i++)
            cache.Put(Key(i), vector);
        Enumerable.Range(0, 400).Count(i => cache.Contains(Key(i))).ShouldBe(400);
        cache.Count().Evictions.ShouldBeGreaterThan(90_000);
    }

    [Fact]
    public void TryGet_LessExactThanIsWanted_IsAMiss()
    {
        var cache = new VectorCache(1 << 20);
        cache.Put(Key(1), KeptVector.Of([1, 2, 3], 1, VectorPrecision.Int8));
        cache.TryGet(Key(1), VectorPrecision.Float32, 0, out _).ShouldBeFalse();
        cache.TryGet(Key(1), VectorPrecision.Int8, 0, out _).ShouldBeTrue();
    }

    [Fact]
    public void ToFloats_OfInt8_KeepsLengthAndDirection() => RandomSchedule.Run(50, random =>
    {
        var exact = FakeModel.VectorOf("x", $"{random.Next()}", random.Next(64, 1024));
        var rounded = KeptVector.Of(exact, 1, VectorPrecision.Int8).ToFloats().ToArray();
        rounded.Sum(x => (double)x * x).ShouldBe(1, 1e-5);
        exact.Zip(rounded, (a, b) => (double)a * b).Sum().ShouldBeGreaterThan(0.9995);
        KeptVector.Of(new float[5], 1, VectorPrecision.Int8).ToFloats().ToArray().ShouldBe(new float[5]);
    });

    [Theory]
    [InlineData(VectorPrecision.Float32)]
    [InlineData(VectorPrecision.Int8)]
    public void Unpack_AnythingButWhatWasPacked_IsNoVector(VectorPrecision precision)
    {
        var vector = KeptVector.Of(FakeModel.VectorOf("x", "y", 24), 7, precision);
        var packed = PackedVector.Pack(vector);
        var unpacked = PackedVector.Unpack(packed, 24).ShouldNotBeNull();
        unpacked.ToFloats().ToArray().ShouldBe(vector.ToFloats().ToArray());
        (unpacked.Tokens, unpacked.Precision).ShouldBe((7, precision));
        PackedVector.Unpack(packed, 0).ShouldNotBeNull();
        PackedVector.Unpack(packed, 25).ShouldBeNull();
        for (var i = 0; i < packed.Length; i++)
        {
            PackedVector.Unpack(packed.AsSpan(0, i), 0).ShouldBeNull();
            packed[i] ^= 0x10;
            PackedVector.Unpack(packed, 0).ShouldBeNull($"byte {i}");
            packed[i] ^= 0x10;
        }

        var infinite = PackedVector.Pack(KeptVector.Of([float.NaN, 1], 1, VectorPrecision.Float32));
        PackedVector.Unpack(infinite, 2).ShouldBeNull();
    }

    [Fact]
    public void Of_AnyPartOfAKey_ChangesIt()
    {
        var keys = new VectorKeys("revision");
        VectorKey[] all =
        [
            keys.Of(8, EmbeddingInput.OfText("a")), keys.Of(9, EmbeddingInput.OfText("a")), keys.Of(8, EmbeddingInput.OfText("b")), keys.Of(8, EmbeddingInput.OfText("")),
            keys.Of(8, EmbeddingInput.OfTokens(new[] { 97 })), keys.Of(8, EmbeddingInput.OfText("a\0\0\0")), new VectorKeys("other").Of(8, EmbeddingInput.OfText("a")),
            keys.Of(8, EmbeddingInput.OfText(new string('a', 5000))), keys.Of(8, EmbeddingInput.OfText(new string('a', 5001))),
        ];
        all.Distinct().Count().ShouldBe(all.Length);
        keys.Of(8, EmbeddingInput.OfText(new string('a', 5000))).ShouldBe(all[7]);
        VectorKey.Of(all[0].ToArray()).ShouldBe(all[0]);
    }

    private static VectorKey Key(int i) => new((ulong)i, (ulong)i * 7919, 3, (ulong)i);
}
