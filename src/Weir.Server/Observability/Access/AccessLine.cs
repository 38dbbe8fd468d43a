using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using Weir.Server.Observability.Logging;

namespace Weir.Server.Observability.Access;

/// <summary>
/// One line of the access log in the making, in the format of the console log. What does not apply (null) is left out, and so is what does not fit
/// any more. What a client made up is quoted, escaped and cut, so that it can neither forge a line nor fill a disk.
/// </summary>
internal ref struct AccessLine
{
    /// <summary>In bytes, its end included.</summary>
    public const int Longest = 2048;

    private const int LongestText = 128;

    private readonly Span<byte> _line;
    private readonly int _room;
    private int _length;

    // Something did not fit: the field under way is taken back.
    private bool _isOver;

    public AccessLine(Span<byte> line, LogFormat format)
    {
        _line = line;
        IsJson = format == LogFormat.Json;
        _room = line.Length - Closing.Length;
    }

    public readonly bool IsJson { get; }

    private readonly ReadOnlySpan<byte> Closing => IsJson ? "}}\n"u8 : "\n"u8;

    /// <summary>What every line says.</summary>
    /// <param name="now">When.</param>
    /// <param name="method">The verb.</param>
    /// <param name="route">The pattern of the endpoint, never the path.</param>
    /// <param name="status">Of the answer.</param>
    public void Begin(DateTimeOffset now, string method, string route, int status)
    {
        Head(now, "Information"u8, "info"u8, eventId: 1);
        Escaped(method);
        Raw(" "u8);
        Escaped(route);
        Raw(" "u8);
        Formatted(status, default);
        if (!IsJson) return;

        Raw("\",\"State\":{\"method\":\""u8);
        Escaped(method);
        Raw("\""u8);
        Text("route"u8, route);
        Number("status"u8, status);
    }

    /// <summary>A line about the log itself.</summary>
    public void Dropped(DateTimeOffset now, long count)
    {
        Head(now, "Warning"u8, "warn"u8, eventId: 2);
        Formatted(count, default);
        Raw(" lines of the access log were dropped: whoever reads it is too slow."u8);
        if (IsJson)
        {
            Raw("\",\"State\":{\"dropped\":"u8);
            Formatted(count, default);
        }
    }

    /// <returns>The whole line with its end.</returns>
    public ReadOnlySpan<byte> End()
    {
        Closing.CopyTo(_line[_length..]);
        return _line[..(_length + Closing.Length)];
    }

    public void Milliseconds(ReadOnlySpan<byte> name, TimeSpan? span)
    {
        if (span is { } value) Field(name, value.TotalMilliseconds, "0.0");
    }

    public void Dollars(ReadOnlySpan<byte> name, double value) => Field(name, value, "0.########");

    public void Number(ReadOnlySpan<byte> name, long? value)
    {
        if (value is { } number) Field(name, number, default);
    }

    public void Text(ReadOnlySpan<byte> name, string? value)
    {
        if (value is null) return;

        var start = _length;
        Name(name);
        var isCut = value.Length > LongestText;
        var quoted = IsJson || isCut || !IsPlain(value) || value.Length == 0;
        if (quoted) Raw("\""u8);
        Escaped(isCut ? value.AsSpan(0, LongestText) : value);
        if (isCut) Raw("..."u8);
        if (quoted) Raw("\""u8);
        Settle(start);
    }

    private void Field<T>(ReadOnlySpan<byte> name, T value, ReadOnlySpan<char> format)
        where T : IUtf8SpanFormattable
    {
        var start = _length;
        Name(name);
        Formatted(value, format);
        Settle(start);
    }

    private void Head(DateTimeOffset now, ReadOnlySpan<byte> level, ReadOnlySpan<byte> shortLevel, int eventId)
    {
        if (IsJson)
        {
            Raw("{\"Timestamp\":\""u8);
            Formatted(now.UtcDateTime, "yyyy-MM-ddTHH:mm:ss.fffZ");
            Raw("\",\"EventId\":"u8);
            Formatted(eventId, default);
            Raw(",\"LogLevel\":\""u8);
            Raw(level);
            Raw("\",\"Category\":\"Weir.Access\",\"Message\":\""u8);
        }
        else
        {
            Formatted(now.UtcDateTime, "HH:mm:ss.fff ");
            Raw(shortLevel);
            Raw(": Weir.Access["u8);
            Formatted(eventId, default);
            Raw("] "u8);
        }
    }

    private void Name(ReadOnlySpan<byte> name)
    {
        Raw(IsJson ? ",\""u8 : " "u8);
        Raw(name);
        Raw(IsJson ? "\":"u8 : "="u8);
    }

    private void Settle(int start)
    {
        if (_isOver) _length = start;
        _isOver = false;
    }

    private void Formatted<T>(T value, ReadOnlySpan<char> format)
        where T : IUtf8SpanFormattable
    {
        if (value.TryFormat(_line[_length.._room], out var written, format, CultureInfo.InvariantCulture)) _length += written;
        else _isOver = true;
    }

    private void Raw(ReadOnlySpan<byte> bytes)
    {
        if (bytes.TryCopyTo(_line[_length.._room])) _length += bytes.Length;
        else _isOver = true;
    }

    private void Escaped(ReadOnlySpan<char> text)
    {
        if (!IsPlain(text)) text = JavaScriptEncoder.Default.Encode(text.ToString());
        if (Encoding.ASCII.TryGetBytes(text, _line[_length.._room], out var written)) _length += written;
        else _isOver = true;
    }

    private static bool IsPlain(ReadOnlySpan<char> text) =>
        !text.ContainsAnyExceptInRange('!', '~') && !text.ContainsAny('"', '\\');
}
