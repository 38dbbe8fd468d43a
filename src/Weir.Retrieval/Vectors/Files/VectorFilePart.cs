using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Weir.Retrieval.Vectors.Files;

/// <summary>
/// One file of records: written at its end by positioned writes, which fail with an error when the disk is full, and read through a mapping, which would end the
/// process there. The file has its whole length from the start, most of it a hole. The mapping lasts as long as anything refers to it.
/// </summary>
internal sealed unsafe class VectorFilePart : IDisposable
{
    private readonly VectorFileLayout _layout;
    private readonly SafeFileHandle _file;
    private readonly SafeMemoryMappedViewHandle _view;
    private readonly uint _salt;

    private VectorFilePart(string path, VectorFileLayout layout, SafeFileHandle file, int slots, uint salt)
    {
        (Path, _layout, _file, Slots, _salt) = (path, layout, file, slots, salt);
        if (RandomAccess.GetLength(file) < Bytes)
            RandomAccess.SetLength(file, Bytes);
        using var mapped = MemoryMappedFile.CreateFromFile(file, null, Bytes, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        // The view outlives the mapping object; its handle unmaps it once nothing refers to it, and no sooner: rows may be lent.
        _view = mapped.CreateViewAccessor(0, Bytes, MemoryMappedFileAccess.Read).SafeMemoryMappedViewHandle;
    }

    public string Path { get; }

    public int Slots { get; }

    /// <summary>Slots that are written, damaged ones included; the next record takes the slot after them.</summary>
    public int Used { get; private set; }

    public bool Full => Used == Slots;

    public long Bytes => _layout.At(Slots);

    public static VectorFilePart Create(string path, VectorFileLayout layout, int slots)
    {
        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            Span<byte> salt = stackalloc byte[4];
            RandomNumberGenerator.Fill(salt);
            var part = new VectorFilePart(path, layout, file, slots, BitConverter.ToUInt32(salt));
            RandomAccess.Write(file, layout.Header(slots, part._salt), 0);
            return part;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The part in a file, its whole records counted; or why it is none.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="layout">Whose vectors it should hold.</param>
    /// <param name="mostBytes">A header that claims more is taken for damaged.</param>
    /// <param name="found">Told of every whole record, in the order they were written.</param>
    public static (VectorFilePart? Part, int Damaged, string? Fault) Open(
        string path, VectorFileLayout layout, long mostBytes, RecordFound found)
    {
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            var header = new byte[VectorFileLayout.HeaderBytes];
            var (slots, salt, fault) = layout.ReadHeader(header.AsSpan(0, RandomAccess.Read(file, header, 0)));
            if (fault is null && (slots <= 0 || layout.At(slots) > mostBytes))
                fault = "its header makes no sense";
            if (fault is not null)
            {
                file.Dispose();
                return (null, 0, fault);
            }

            var part = new VectorFilePart(path, layout, file, slots, salt);
            return (part, part.Load(found), null);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public ReadOnlySpan<byte> Record(int slot) =>
        new((byte*)_view.DangerousGetHandle() + _layout.At(slot), _layout.RecordBytes);

    public bool TryAppend(ReadOnlySpan<byte> key, ReadOnlySpan<float> vector, Span<byte> record, out int slot)
    {
        slot = Used;
        if (Full)
            return false;
        VectorFileLayout.WriteRecord(record, _salt, key, vector);
        RandomAccess.Write(_file, record, _layout.At(slot));
        Used++;
        return true;
    }

    /// <summary>Ends writing. What was lent out stays readable.</summary>
    public void Dispose() => _file.Dispose();

    /// <summary>Reads by calls, not through the mapping, so that a disk that cannot be read is an error and not a signal.</summary>
    private int Load(RecordFound found)
    {
        var damaged = 0;
        var batch = Math.Clamp((1 << 20) / _layout.RecordBytes, 1, Slots);
        var buffer = new byte[batch * _layout.RecordBytes];
        for (var from = 0; from < Slots; from += batch)
        {
            var count = Math.Min(batch, Slots - from);
            var length = ReadFully(buffer.AsSpan(0, count * _layout.RecordBytes), _layout.At(from));
            for (var i = 0; i < length / _layout.RecordBytes; i++)
            {
                var record = buffer.AsSpan(i * _layout.RecordBytes, _layout.RecordBytes);
                if (VectorFileLayout.IsWhole(record, _salt))
                {
                    Used = from + i + 1;
                    found(this, from + i, VectorFileLayout.Key(record));
                }
                else if (!VectorFileLayout.IsFree(record))
                {
                    damaged++;
                }
            }
        }

        return damaged;
    }

    private int ReadFully(Span<byte> buffer, long at)
    {
        var length = 0;
        while (length < buffer.Length)
        {
            var read = RandomAccess.Read(_file, buffer[length..], at + length);
            if (read == 0)
                break;
            length += read;
        }

        return length;
    }
}

/// <summary>Told of a record that a part holds.</summary>
internal delegate void RecordFound(VectorFilePart part, int slot, ReadOnlySpan<byte> key);
