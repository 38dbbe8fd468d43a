namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>
/// Takes out of JSON on its way what nests deeper than its readers can follow: the protocol's library drops a whole message for one value in it. What is cut
/// leaves a 0 in its place, so that the rest stays JSON, and what stood over it is still too deep for a schema.
/// </summary>
/// <param name="border">What ends a message.</param>
internal sealed class DepthCut(MessageBorder border)
{
    /// <summary>Levels that pass. The library reads 64; a schema of <see cref="JsonDepth.Most"/> lies 5 below the top.</summary>
    public const int Most = 48;

    private int _depth;
    private bool _inText;
    private bool _isEscaped;

    // Of server-sent events: only what follows "data:" is JSON.
    private int _column;
    private bool _isData = true;
    private bool _inValue;
    private bool _afterReturn;

    /// <summary>Cuts in place.</summary>
    /// <returns>How many bytes are left, at the front.</returns>
    public int Cut(Span<byte> bytes)
    {
        var kept = 0;
        for (var at = 0; at < bytes.Length; at++)
        {
            var value = bytes[at];
            if (border == MessageBorder.EmptyLine ? IsFrame(value) : IsBorder(value))
                bytes[kept++] = value;
            else if (Passes(ref value))
                bytes[kept++] = value;
        }

        return kept;
    }

    private bool IsBorder(byte value)
    {
        if (border != MessageBorder.Line || value != (byte)'\n')
            return false;
        Reset();
        return true;
    }

    private bool IsFrame(byte value)
    {
        if (value is (byte)'\n' or (byte)'\r')
        {
            var isSecondHalf = value == (byte)'\n' && _afterReturn;
            if (_column == 0 && !isSecondHalf)
                Reset();
            (_column, _isData, _inValue, _afterReturn) = (0, true, false, value == (byte)'\r');
            return true;
        }

        _afterReturn = false;
        if (_inValue)
            return !_isData;
        if (value == (byte)':')
            (_inValue, _isData) = (true, _isData && _column == 4);
        else
            _isData &= _column < 4 && value == "data"u8[_column];
        _column++;
        return true;
    }

    private void Reset() => (_depth, _inText, _isEscaped) = (0, false, false);

    private bool Passes(ref byte value)
    {
        var isIn = _depth <= Most;
        if (_inText)
        {
            if (_isEscaped)
                _isEscaped = false;
            else if (value == (byte)'\\')
                _isEscaped = true;
            else if (value == (byte)'"')
                _inText = false;
            return isIn;
        }

        switch (value)
        {
            case (byte)'"':
                _inText = true;
                return isIn;
            case (byte)'{' or (byte)'[':
                if (++_depth <= Most)
                    return true;
                value = (byte)'0';
                return isIn;
            case (byte)'}' or (byte)']':
                _depth = Math.Max(0, _depth - 1);
                return isIn;
            default:
                return isIn;
        }
    }
}
