namespace Weir.Leases.Desktops.X11;

/// <summary>What a request brought.</summary>
/// <param name="Head">The first 32 bytes. Empty of a request that has no reply.</param>
/// <param name="Body">What followed them. Empty where it was read elsewhere.</param>
/// <param name="Error">Null: it was done.</param>
internal readonly record struct XReply(ReadOnlyMemory<byte> Head, ReadOnlyMemory<byte> Body, XError? Error)
{
    public byte Detail => Head.Span[1];

    /// <summary>What follows the reply's own length.</summary>
    public XReader Fields() => new(Head.Span[8..]);
}

/// <summary>An X server's refusal of one request.</summary>
/// <param name="Code">1 to 17 of the core protocol; above, an extension's.</param>
/// <param name="Major">The request's code.</param>
/// <param name="Minor">The request's code in its extension.</param>
internal sealed record XError(byte Code, byte Major, ushort Minor)
{
    private static readonly string[] Names =
    [
        "", "Request", "Value", "Window", "Pixmap", "Atom", "Cursor", "Font", "Match", "Drawable", "Access", "Alloc", "Colormap", "GContext", "IDChoice", "Name", "Length", "Implementation",
    ];

    public override string ToString() => $"The X server refused request {Major}.{Minor}: {(Code < Names.Length ? $"Bad{Names[Code]}" : $"error {Code}")}.";
}
