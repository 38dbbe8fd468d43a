using System.Globalization;

namespace Weir.Server.Retrieval;

/// <summary>Writes a float32 as the shortest JSON number that reads back as the same float32.</summary>
internal static class ShortestFloat
{
    /// <param name="value">Finite: JSON has no other numbers, and another is written as 0.</param>
    /// <param name="output">At least 23 bytes.</param>
    /// <returns>The bytes written.</returns>
    public static int Write(float value, Span<byte> output)
    {
        if (!float.IsFinite(value))
        {
            value = 0;
        }

        value.TryFormat(output, out var written, default, CultureInfo.InvariantCulture);
        return written;
    }
}
