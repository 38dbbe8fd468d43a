using System.Globalization;
using System.Text;
using Weir.Server.Retrieval;

namespace Weir.Tests.Server.Retrieval;

public sealed class ShortestFloatTests
{
    [Fact]
    public void Write_EveryExponentAndItsEdges_ReadsBackAndIsAsShortAsTheRuntimes()
    {
        var output = new byte[32];
        for (uint exponent = 0; exponent < 255; exponent++)
        {
            foreach (var mantissa in (uint[])[0, 1, 2, 3, 0x3fffff, 0x400000, 0x400001, 0x7ffffe, 0x7fffff, 0x2aaaaa, 0x555555])
            {
                Check(BitConverter.UInt32BitsToSingle((exponent << 23) | mantissa), output);
                Check(BitConverter.UInt32BitsToSingle(0x8000_0000 | (exponent << 23) | mantissa), output);
            }
        }
    }

    [Fact]
    public void Write_RandomBits_ReadsBackAndIsAsShortAsTheRuntimes()
    {
        const int Seed = 1501;
        var random = new Random(Seed);
        var output = new byte[32];
        for (var i = 0; i < 300_000; i++)
        {
            Check(BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)), output);
            Check((float)((random.NextDouble() - 0.5) * 0.2), output);
        }
    }

    [Fact]
    public void Write_NoNumber_IsZero()
    {
        var output = new byte[32];
        foreach (var value in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            Encoding.ASCII.GetString(output, 0, ShortestFloat.Write(value, output)).ShouldBe("0");
        }
    }

    private static void Check(float value, byte[] output)
    {
        if (!float.IsFinite(value))
        {
            return;
        }

        var text = Encoding.ASCII.GetString(output, 0, ShortestFloat.Write(value, output));
        var back = float.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        if (BitConverter.SingleToInt32Bits(back) != BitConverter.SingleToInt32Bits(value) || DigitsOf(text) != DigitsOf(value.ToString(CultureInfo.InvariantCulture)))
        {
            Assert.Fail($"{BitConverter.SingleToUInt32Bits(value):x8}: {text} reads back as {back:R}; the runtime writes {value.ToString(CultureInfo.InvariantCulture)}");
        }
    }

    // Significant ones.
    private static int DigitsOf(string text)
    {
        var digits = text.Split('E')[0].Replace("-", "", StringComparison.Ordinal).Replace(".", "", StringComparison.Ordinal).TrimStart('0');
        return text.Contains('.', StringComparison.Ordinal) || text.Contains('E', StringComparison.Ordinal) ? digits.TrimEnd('0').Length : digits.TrimEnd('0').Length;
    }
}
