using System.Runtime.Intrinsics.X86;
using Weir.Retrieval.Vectors;
using Weir.Tests.Flow;

namespace Weir.Tests.Retrieval.Vectors;

public sealed unsafe class Int8KernelsTests
{
    [Fact]
    public void Dots_EveryPath_GivesTheSameNumbers() => RandomSchedule.Run(200, random =>
    {
        var stride = 64 * random.Next(1, 9);
        var count = random.Next(1, 20);
        var extreme = random.Next(3) == 0;
        var rows = new sbyte[stride * count];
        var query = new short[stride];
        foreach (ref var code in rows.AsSpan())
            code = (sbyte)(extreme ? random.Next(2) * 254 - 127 : random.Next(-127, 128));
        foreach (ref var code in query.AsSpan())
            code = (short)(extreme ? random.Next(2) * 254 - 127 : random.Next(-127, 128));
        var expected = new int[count];
        fixed (sbyte* r = rows)
        fixed (short* q = query)
        {
            fixed (int* dots = expected)
                Int8Kernels.DotsScalar(r, stride, q, count, dots);
            var got = new int[count];
            fixed (int* dots = got)
            {
                Int8Kernels.Dots(r, stride, q, count, dots);
                got.ShouldBe(expected);
                Array.Clear(got);
                Int8Kernels.Dots128(r, stride, q, count, dots);
                got.ShouldBe(expected);
                if (Avx2.IsSupported)
                {
                    Array.Clear(got);
                    Int8Kernels.Dots256(r, stride, q, count, dots);
                    got.ShouldBe(expected);
                }

                if (Avx512BW.IsSupported)
                {
                    Array.Clear(got);
                    Int8Kernels.Dots512(r, stride, q, count, dots);
                    got.ShouldBe(expected);
                }
            }
        }
    });

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(384)]
    [InlineData(1000)]
    public void Encode_AnyLength_IsWithinHalfAStepAndPadsWithZeros(int dimensions)
    {
        var random = new Random(dimensions);
        var vector = NaiveVectors.Unit(random, dimensions);
        var codes = new sbyte[Int8Codec.Stride(dimensions)];
        Array.Fill(codes, (sbyte)99);

        var row = Int8Codec.Encode(vector, codes);
        var scale = row.Scale;
        var error = Math.Sqrt(Enumerable.Range(0, dimensions).Sum(i => Math.Pow(vector[i] - (double)codes[i] * scale, 2)));
        row.Error.ShouldBe((float)error, 1e-6f);
        row.Norm.ShouldBe((float)(scale * Math.Sqrt(codes.Sum(c => c * (double)c))), 1e-5f);
        for (var i = 0; i < dimensions; i++)
            Math.Abs(codes[i] * scale - vector[i]).ShouldBeLessThanOrEqualTo(scale * 0.5001f);
        codes.Max(c => Math.Abs((int)c)).ShouldBe(127);
        codes.Skip(dimensions).ShouldAllBe(c => c == 0);
        Int8Codec.Encode(new float[dimensions], codes).ShouldBe(default);
        codes.ShouldAllBe(c => c == 0);
    }
}
