using System.Buffers;
using System.Text;

namespace Weir.Inference.Responses;

/// <summary>
/// Replaces a provider's ids by ours in an answer that goes by in pieces of any size; every other byte stays. It looks for
/// <c>"id"</c> with its quotes, which JSON escapes inside a string, so that it cannot meet one in somebody's text.
/// </summary>
internal sealed class ResponseIdRewriter : IDisposable
{
    // An id that none of this many events has named will not be named by a later one either.
    private const int MostEventsSearched = 64;

    private static readonly byte[] PreviousKey = "\"previous_response_id\""u8.ToArray();

    private readonly Func<string, string?> _encode;
    private readonly byte[] _carry = new byte[ResponseIdFinder.Longest + 2];
    private byte[]? _buffer;
    private byte[]? _token;
    private byte[]? _replacement;
    private int _carried;
    private int _searched;
    private Place _place;

    /// <param name="encode">From a provider's id to ours; null where that cannot be.</param>
    /// <param name="known">The provider's id of the response that is asked for; null where the answer tells it.</param>
    public ResponseIdRewriter(Func<string, string?> encode, string? known)
    {
        _encode = encode;
        if (known is not null)
        {
            Replace(known);
        }
    }

    private enum Place
    {
        /// <summary>Anywhere.</summary>
        Seeking,

        /// <summary>After the name previous_response_id.</summary>
        AfterKey,

        /// <summary>After that and a colon.</summary>
        AfterColon,

        /// <summary>In the string that is its value.</summary>
        InValue,
    }

    /// <summary>Looks for the id at the beginning of a body.</summary>
    public void LookAtBody(ReadOnlySpan<byte> body)
    {
        if (_token is null && ResponseIdFinder.InBody(body) is { } id)
        {
            Replace(id);
        }
    }

    /// <summary>Looks for the id in lines of events, until one has named it.</summary>
    public void LookAtEvents(ReadOnlySpan<byte> lines)
    {
        while (_token is null && _searched < MostEventsSearched && !lines.IsEmpty)
        {
            var newline = lines.IndexOf((byte)'\n');
            var line = newline < 0 ? lines : lines[..newline];
            if (line.StartsWith("data:"u8))
            {
                _searched++;
                if (ResponseIdFinder.InEvent(line[5..]) is { } id)
                {
                    Replace(id);
                }
            }

            lines = newline < 0 ? [] : lines[(newline + 1)..];
        }
    }

    /// <summary>Memory to read into, which is not that of the answer: what is written there may be longer. Valid until the next call.</summary>
    public Memory<byte> GetMemory(int size)
    {
        if (_buffer is null || _buffer.Length < size)
        {
            Dispose();
            _buffer = ArrayPool<byte>.Shared.Rent(size);
        }

        return _buffer;
    }

    /// <summary>Passes a piece on, but for what may be the beginning of an id, which waits for the next one.</summary>
    public void Write(ReadOnlySpan<byte> bytes, IBufferWriter<byte> to)
    {
        while (!bytes.IsEmpty)
        {
            bytes = _place switch
            {
                Place.Seeking => Seek(bytes, to),
                Place.InValue => Collect(bytes, to),
                _ => Approach(bytes, to),
            };
        }
    }

    /// <summary>Passes on what was held back: no more pieces come.</summary>
    public void Flush(IBufferWriter<byte> to)
    {
        to.Write(_carry.AsSpan(0, _carried));
        _carried = 0;
        _place = Place.Seeking;
    }

    public void Dispose()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Replace(string id)
    {
        if (_encode(id) is { } ours)
        {
            _token = Encoding.UTF8.GetBytes($"\"{id}\"");
            _replacement = Encoding.UTF8.GetBytes($"\"{ours}\"");
        }
    }

    private ReadOnlySpan<byte> Seek(ReadOnlySpan<byte> bytes, IBufferWriter<byte> to)
    {
        if (_carried > 0)
        {
            return Continue(bytes, to);
        }

        var id = _token is null ? -1 : bytes.IndexOf(_token);
        var key = bytes.IndexOf(PreviousKey);
        if (id >= 0 && (key < 0 || id < key))
        {
            to.Write(bytes[..id]);
            to.Write(_replacement);
            return bytes[(id + _token!.Length)..];
        }

        if (key >= 0)
        {
            to.Write(bytes[..(key + PreviousKey.Length)]);
            _place = Place.AfterKey;
            return bytes[(key + PreviousKey.Length)..];
        }

        // Neither holds a quote but at its two ends, so only the last quote can begin one that goes on in the next piece.
        var quote = bytes.LastIndexOf((byte)'"');
        if (quote >= 0 && (Begins(_token, bytes[quote..]) || Begins(PreviousKey, bytes[quote..])))
        {
            to.Write(bytes[..quote]);
            Hold(bytes[quote..]);
        }
        else
        {
            to.Write(bytes);
        }

        return [];
    }

    // What is held goes on in the new piece, or turns out to be something else and goes out as it came.
    private ReadOnlySpan<byte> Continue(ReadOnlySpan<byte> bytes, IBufferWriter<byte> to)
    {
        var next = bytes[0];
        Hold(bytes[..1]);
        var held = _carry.AsSpan(0, _carried);
        if (_token is not null && held.SequenceEqual(_token))
        {
            to.Write(_replacement);
            _carried = 0;
        }
        else if (held.SequenceEqual(PreviousKey))
        {
            to.Write(PreviousKey);
            _carried = 0;
            _place = Place.AfterKey;
        }
        else if (!Begins(_token, held) && !Begins(PreviousKey, held))
        {
            // The byte that did not fit may itself be the quote that begins an id.
            _carried--;
            to.Write(_carry.AsSpan(0, _carried));
            _carried = 0;
            return bytes;
        }

        return bytes[1..];
    }

    private ReadOnlySpan<byte> Approach(ReadOnlySpan<byte> bytes, IBufferWriter<byte> to)
    {
        switch (bytes[0])
        {
            case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n':
                break;
            case (byte)':' when _place == Place.AfterKey:
                _place = Place.AfterColon;
                break;
            case (byte)'"' when _place == Place.AfterColon:
                _place = Place.InValue;
                Hold(bytes[..1]);
                return bytes[1..];
            default:
                _place = Place.Seeking;
                return bytes;
        }

        to.Write(bytes[..1]);
        return bytes[1..];
    }

    private ReadOnlySpan<byte> Collect(ReadOnlySpan<byte> bytes, IBufferWriter<byte> to)
    {
        var end = bytes.IndexOf((byte)'"');
        var piece = end < 0 ? bytes : bytes[..end];
        var isWhole = end >= 0;
        if (_carried + piece.Length >= _carry.Length)
        {
            Flush(to);
            return bytes;
        }

        Hold(piece);
        if (!isWhole)
        {
            return [];
        }

        var value = _carry.AsSpan(1, _carried - 1);
        if (ResponseIdFinder.IsPlain(value) && _encode(Encoding.UTF8.GetString(value)) is { } ours)
        {
            _carried = 0;
            to.Write("\""u8);
            to.Write(Encoding.UTF8.GetBytes(ours));
        }

        Flush(to);
        to.Write("\""u8);
        return bytes[(end + 1)..];
    }

    private static bool Begins(byte[]? token, ReadOnlySpan<byte> bytes) =>
        token is not null && bytes.Length < token.Length && token.AsSpan().StartsWith(bytes);

    private void Hold(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_carry.AsSpan(_carried));
        _carried += bytes.Length;
    }
}
