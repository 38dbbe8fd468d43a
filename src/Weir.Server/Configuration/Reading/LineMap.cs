using System.Text;

namespace Weir.Server.Configuration.Reading;

/// <summary>Turns byte offsets of a UTF-8 text into lines and columns, both counted from 1, columns in UTF-16 units as editors show them.</summary>
internal sealed class LineMap
{
    private readonly byte[] _text;
    private readonly List<int> _starts = [0];

    // Places are asked for in order: counting goes on from the last one, however long the line.
    private (int Offset, int Column) _last = (0, 1);

    public LineMap(byte[] text)
    {
        _text = text;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == (byte)'\n')
            {
                _starts.Add(i + 1);
            }
        }
    }

    public (int Line, int Column) At(long offset)
    {
        var end = (int)Math.Clamp(offset, 0, _text.Length);
        var index = _starts.BinarySearch(end);
        var line = index >= 0 ? index : ~index - 1;
        var (from, column) = _last.Offset >= _starts[line] && _last.Offset <= end ? _last : (_starts[line], 1);
        _last = (end, column + Encoding.UTF8.GetCharCount(_text, from, end - from));
        return (line + 1, _last.Column);
    }

    public (int Line, int Column) At(long line, long byteInLine) =>
        At(_starts[(int)Math.Clamp(line, 0, _starts.Count - 1)] + byteInLine);
}
