using System.Text;

namespace Weir.Leases.Desktops.X11;

/// <summary>What an X server says of itself when a connection begins.</summary>
/// <param name="Root">The window that is the whole screen.</param>
/// <param name="FirstKey">The lowest keycode, at least 8.</param>
/// <param name="LastKey">The highest keycode, at most 255.</param>
/// <param name="BitsPerPixel">What a pixel of the root window takes in an image.</param>
/// <param name="IsTrueColor">Its pixels are 8 bits each of red, green and blue, blue in the lowest.</param>
internal sealed record XSetup(uint Root, byte FirstKey, byte LastKey, int BitsPerPixel, bool IsTrueColor)
{
    private const string CookieName = "MIT-MAGIC-COOKIE-1";

    /// <summary>The header of the answer: the result, the version, and how much follows.</summary>
    public const int HeaderLength = 8;

    /// <summary>The first thing that a client says: little endian, version 11.0, and the cookie.</summary>
    public static byte[] Hello(ReadOnlySpan<byte> cookie)
    {
        var hello = new XWriter(12 + XReader.Padded(CookieName.Length) + XReader.Padded(cookie.Length));
        hello.Byte((byte)'l');
        hello.Byte(0);
        hello.Word(11);
        hello.Word(0);
        hello.Word((ushort)CookieName.Length);
        hello.Word((ushort)cookie.Length);
        hello.Word(0);
        hello.Bytes(Encoding.ASCII.GetBytes(CookieName));
        hello.Bytes(cookie);
        return hello.Done();
    }

    /// <summary>The bytes that follow the header, at most 256 KB.</summary>
    public static int LengthAfter(ReadOnlySpan<byte> header) => (header[6] | header[7] << 8) * 4;

    /// <exception cref="XBrokenException">The server refused, or what it says makes no sense.</exception>
    public static XSetup Read(ReadOnlySpan<byte> header, ReadOnlySpan<byte> body)
    {
        if (header[0] != 1)
            throw new XBrokenException($"The X server refused the connection: {Printable(body[..Math.Min(body.Length, header[0] == 0 ? header[1] : body.Length)])}");
        var reader = new XReader(body);
        reader.Skip(16);
        var vendor = reader.Word();
        reader.Skip(2);
        var (screens, formats) = (reader.Byte(), reader.Byte());
        var bigEndian = reader.Byte() != 0;
        reader.Skip(3);
        var (first, last) = (reader.Byte(), reader.Byte());
        if (first < 8 || last < first)
            throw new XBrokenException($"The X server names keycodes from {first} to {last}.");
        reader.Skip(4 + XReader.Padded(vendor));
        Span<byte> bitsByDepth = stackalloc byte[256];
        bitsByDepth.Clear();
        for (var format = 0; format < formats; format++)
        {
            var depth = reader.Byte();
            bitsByDepth[depth] = reader.Byte();
            reader.Skip(6);
        }

        if (screens == 0)
            throw new XBrokenException("The X server has no screen.");
        var root = reader.Long();
        reader.Skip(28);
        var visual = reader.Long();
        reader.Skip(2);
        var (rootDepth, depths) = (reader.Byte(), reader.Byte());
        var isTrueColor = HasBytesOfColor(ref reader, depths, visual) && !bigEndian && rootDepth is 24 or 32;
        return new XSetup(root, first, last, bitsByDepth[rootDepth], isTrueColor);
    }

    private static bool HasBytesOfColor(ref XReader reader, int depths, uint visual)
    {
        for (; depths > 0; depths--)
        {
            reader.Skip(2);
            var visuals = reader.Word();
            reader.Skip(4);
            for (; visuals > 0; visuals--)
            {
                var id = reader.Long();
                reader.Skip(4);
                var (red, green, blue) = (reader.Long(), reader.Long(), reader.Long());
                reader.Skip(4);
                if (id == visual)
                    return (red, green, blue) == (0xff0000, 0xff00, 0xff);
            }
        }

        return false;
    }

    private static string Printable(ReadOnlySpan<byte> text)
    {
        var shown = new StringBuilder();
        foreach (var character in text[..Math.Min(text.Length, 200)])
            shown.Append(character is >= 0x20 and < 0x7f ? (char)character : ' ');
        return shown.ToString().TrimEnd();
    }
}
