namespace Weir.Leases.Desktops.X11;

/// <summary>The connection to an X server has ended, or the server does not keep to the protocol; another connection has to be made.</summary>
internal sealed class XBrokenException : IOException
{
    public XBrokenException(string message)
        : base(message)
    {
    }

    public XBrokenException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
