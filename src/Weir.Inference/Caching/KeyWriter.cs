using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Weir.Inference.Caching;

/// <summary>
/// Gathers the parts of a key. Each part carries its length, so that no two lists of parts make the same bytes. To be disposed.
/// </summary>
internal sealed class KeyWriter : IDisposable
{
    private const int Size = 4096;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(Size);
    private int _held;

    public void Tag(char tag)
    {
        Room(1);
        _buffer[_held++] = (byte)tag;
    }

    public void Number(int value)
    {
        Room(4);
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_held), value);
        _held += 4;
    }

    public void Bytes(ReadOnlySpan<byte> bytes)
    {
        Number(bytes.Length);
        if (bytes.Length > Size)
        {
            Flush();
            _hash.AppendData(bytes);
            return;
        }

        Room(bytes.Length);
        bytes.CopyTo(_buffer.AsSpan(_held));
        _held += bytes.Length;
    }

    /// <summary>Null differs from every text.</summary>
    public void Text(string? text)
    {
        if (text is null)
        {
            Number(-1);
            return;
        }

        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        var rented = ArrayPool<byte>.Shared.Rent(most);
        Bytes(rented.AsSpan(0, Encoding.UTF8.GetBytes(text, rented)));
        ArrayPool<byte>.Shared.Return(rented);
    }

    public AnswerKey ToKey()
    {
        Flush();
        Span<byte> hash = stackalloc byte[AnswerKey.Length];
        _hash.GetHashAndReset(hash);
        return AnswerKey.Of(hash);
    }

    public void Dispose()
    {
        _hash.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
    }

    private void Room(int bytes)
    {
        if (_held + bytes > Size)
        {
            Flush();
        }
    }

    private void Flush()
    {
        _hash.AppendData(_buffer, 0, _held);
        _held = 0;
    }
}
