using System.Text;

namespace Weir.Leases.Desktops.X11;

/// <summary>One request of the core protocol, or of the extensions XTEST and XFIXES.</summary>
/// <param name="Bytes">As it is sent.</param>
/// <param name="MostReply">The most that its reply may bring beyond its 32 bytes. Null: it has no reply.</param>
internal readonly record struct XRequest(byte[] Bytes, int? MostReply = null)
{
    /// <summary>Where the reply's body is read to, which it must fill exactly. Null: into memory of its own.</summary>
    public Memory<byte>? Into { get; init; }

    /// <summary>Which window has the keyboard.</summary>
    public static XRequest Focus() => new(Plain(43, 0, 4).Done(), 0);

    /// <summary>Asks for nothing of interest: its reply says that all before it has been done.</summary>
    public static XRequest Sync() => Focus();

    public static XRequest Extension(string name)
    {
        var request = Plain(98, 0, 8 + XReader.Padded(name.Length));
        request.Word((ushort)name.Length);
        request.Word(0);
        request.Bytes(Encoding.ASCII.GetBytes(name));
        return new XRequest(request.Done(), 0);
    }

    public static XRequest Geometry(uint drawable) => new(Of(14, drawable).Done(), 0);

    public static XRequest Pointer(uint window) => new(Of(38, window).Done(), 0);

    public static XRequest GrabServer() => new(Plain(36, 0, 4).Done());

    public static XRequest UngrabServer() => new(Plain(37, 0, 4).Done());

    /// <summary>Pixels of a drawable, as they are kept; <paramref name="into"/> has room for exactly so many.</summary>
    public static XRequest Image(uint drawable, int y, int width, int height, Memory<byte> into)
    {
        var request = Plain(73, 2, 20);
        request.Long(drawable);
        request.Word(0);
        request.Word((ushort)y);
        request.Word((ushort)width);
        request.Word((ushort)height);
        request.Long(uint.MaxValue);
        return new XRequest(request.Done(), into.Length) { Into = into };
    }

    public static XRequest KeyboardMapping(byte first, int count)
    {
        var request = Plain(101, 0, 8);
        request.Byte(first);
        request.Byte((byte)count);
        // Eight groups of eight levels would be the most that a keyboard can have.
        return new XRequest(request.Done(), count * 64 * 4);
    }

    /// <summary>Puts keysyms on keys that follow each other, every key as many.</summary>
    public static XRequest ChangeKeyboardMapping(byte first, int perKey, ReadOnlySpan<uint> keysyms)
    {
        var request = Plain(100, (byte)(keysyms.Length / perKey), 8 + keysyms.Length * 4);
        request.Byte(first);
        request.Byte((byte)perKey);
        request.Word(0);
        foreach (var keysym in keysyms)
            request.Long(keysym);
        return new XRequest(request.Done());
    }

    /// <summary>A key or button pressed or released, or the pointer moved, as if by a device.</summary>
    public static XRequest Fake(byte extension, XInput input, uint root)
    {
        var request = Plain(extension, 2, 36);
        request.Byte((byte)input.Type);
        request.Byte(input.Detail);
        request.Word(0);
        request.Long(input.After);
        request.Long(root);
        request.Skip(8);
        request.Word((ushort)input.X);
        request.Word((ushort)input.Y);
        return new XRequest(request.Done());
    }

    /// <summary>XFIXES wants to be told the version that is spoken, before anything else.</summary>
    public static XRequest CursorVersion(byte extension)
    {
        var request = Plain(extension, 0, 12);
        request.Long(2);
        request.Long(0);
        return new XRequest(request.Done(), 0);
    }

    public static XRequest CursorImage(byte extension, int mostReply) => new(Plain(extension, 4, 4).Done(), mostReply);

    private static XWriter Of(byte code, uint resource)
    {
        var request = Plain(code, 0, 8);
        request.Long(resource);
        return request;
    }

    private static XWriter Plain(byte code, byte detail, int length)
    {
        var request = new XWriter(length);
        request.Byte(code);
        request.Byte(detail);
        request.Word((ushort)(length / 4));
        return request;
    }
}

/// <summary>What is done to a device.</summary>
internal enum XInputType : byte
{
    KeyPress = 2,
    KeyRelease = 3,
    ButtonPress = 4,
    ButtonRelease = 5,
    Motion = 6,
}

/// <summary>One thing done to a device.</summary>
/// <param name="Type">What.</param>
/// <param name="Detail">The keycode or the button; 0 of a motion to a point.</param>
/// <param name="X">Of a motion, in pixels from the left.</param>
/// <param name="Y">Of a motion, in pixels from the top.</param>
/// <param name="After">How many milliseconds the server waits before it.</param>
internal readonly record struct XInput(XInputType Type, byte Detail, short X = 0, short Y = 0, byte After = 0)
{
    public static XInput Key(byte code, bool down) => new(down ? XInputType.KeyPress : XInputType.KeyRelease, code);

    public static XInput Button(byte button, bool down) => new(down ? XInputType.ButtonPress : XInputType.ButtonRelease, button);

    public static XInput Move(int x, int y) => new(XInputType.Motion, 0, (short)x, (short)y);
}
