using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace Weir.Retrieval.Models.Safetensors;

/// <summary>
/// A file of tensors, mapped into memory: its pages are the operating system's, shared by every process that maps it, and never copied here.
/// The mapping stays until it is disposed and the last <see cref="Use"/> has ended. A file in use must be replaced by renaming another over it:
/// cutting it shorter in place takes mapped pages away, and no process survives that.
/// </summary>
internal sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _first;
    private readonly Dictionary<string, TensorInfo> _tensors;

    /// <exception cref="ModelLoadException">There is no such file, it cannot be read, or it is corrupt.</exception>
    public SafetensorsFile(string path)
    {
        Path = path;
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            Length = stream.Length;
            if (Length < 8)
                throw SafetensorsHeader.Wrong(path, $"it has {Length} bytes, and a safetensors file begins with eight of its header's length");
            _file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        }
        catch (Exception fault)
        {
            stream?.Dispose();
            if (fault is IOException or UnauthorizedAccessException)
                throw new ModelLoadException($"{path}: it cannot be read: {fault.Message}", fault);
            throw;
        }

        try
        {
            _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
            // The pointer is used only inside of a Use, which keeps the handle open.
            _first = (byte*)_view.SafeMemoryMappedViewHandle.DangerousGetHandle() + _view.PointerOffset;
            _tensors = ReadHeader();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Path { get; }

    /// <summary>In bytes.</summary>
    public long Length { get; }

    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    /// <summary>Keeps the mapping for as long as it is used.</summary>
    /// <exception cref="ObjectDisposedException">The file was closed before.</exception>
    public Lease Use() => new(this);

    public void Dispose()
    {
        _view?.Dispose();
        _file.Dispose();
    }

    private Dictionary<string, TensorInfo> ReadHeader()
    {
        using var lease = Use();
        var header = BinaryPrimitives.ReadUInt64LittleEndian(lease.Bytes(0, 8));
        if (header > SafetensorsHeader.LongestHeader)
            throw SafetensorsHeader.Wrong(Path, $"it says that its header has {header:N0} bytes, and at most {SafetensorsHeader.LongestHeader:N0} are allowed (not a safetensors file?)");
        if (header > (ulong)(Length - 8))
            throw SafetensorsHeader.Wrong(Path, $"its header of {header:N0} bytes ends past the file (truncated? {Length:N0} bytes)");
        return SafetensorsHeader.Read(Path, lease.Bytes(8, (int)header), 8 + (long)header, Length);
    }

    /// <summary>The mapping in use; dispose it exactly once.</summary>
    public readonly ref struct Lease
    {
        private readonly SafetensorsFile _owner;

        internal Lease(SafetensorsFile owner)
        {
            var added = false;
            owner._view.SafeMemoryMappedViewHandle.DangerousAddRef(ref added);
            _owner = owner;
        }

        /// <summary>Bytes of the file as they lie in the mapping; not beyond the lease.</summary>
        public ReadOnlySpan<byte> Bytes(long start, int count)
        {
            // By hand: this is each token's way, and the runtime's own checks box a number at each call until they are optimised.
            if (start < 0 || count < 0 || start > _owner.Length - count)
                throw new ArgumentOutOfRangeException(nameof(start), $"{count} bytes from {start} on are not inside of the file.");
            return new ReadOnlySpan<byte>(_owner._first + start, count);
        }

        public void Dispose() => _owner._view.SafeMemoryMappedViewHandle.DangerousRelease();
    }
}
