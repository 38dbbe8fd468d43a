using System.Runtime.InteropServices;

namespace Weir.Leases.Desktops.Screens;

/// <summary>As much of a screen as is needed to tell whether it changes, and whether anything is painted on it.</summary>
/// <param name="Sum">Another one where what the screen shows is another.</param>
/// <param name="IsBlank">All of it has one colour: the ground, or a window that fills it and in which nothing is painted yet.</param>
internal readonly record struct ScreenLook(uint Sum, bool IsBlank)
{
    /// <param name="pixels">Four bytes each, as a <see cref="ScreenImage"/> has them; at least one.</param>
    public static ScreenLook Of(ReadOnlySpan<byte> pixels)
    {
        // The fourth byte means nothing, and is not the same in every window.
        var colors = BitConverter.IsLittleEndian ? 0x00ffffffu : 0xffffff00u;
        var words = MemoryMarshal.Cast<byte, uint>(pixels);
        var isBlank = true;
        for (var at = 1; at < words.Length && isBlank; at++)
            isBlank = ((words[at] ^ words[0]) & colors) == 0;
        return new ScreenLook(Crc32.Of(pixels), isBlank);
    }
}
