using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Weir.Retrieval.Vectors.Files;

/// <summary>
/// Vectors by key in a folder of this machine, so that an index is there again after a restart without reading every blob. Nothing is kept only here: what is
/// damaged, of another model, or past the bound is left out and logged, never an error; whoever does not find a vector gets it from where it is stored.
/// One caller at a time, and one process for a folder. Writes are not flushed: half a record after a crash is no record.
/// </summary>
internal sealed partial class VectorFile : IDisposable
{
    /// <summary>Bytes of the longest key.</summary>
    public const int LongestKey = VectorFileLayout.LongestKey;

    private readonly VectorFileSettings _settings;
    private readonly VectorFileLayout _layout;
    private readonly ILogger _logger;
    private readonly string _folder;
    private readonly byte[] _record;
    private readonly List<VectorFilePart> _parts = [];
    private HashSet<VectorRecord> _records = new(new VectorRecordKeys());
    private FileStream? _lock;
    private int _next = 1;

    private VectorFile(string folder, int dimensions, string revision, VectorFileSettings settings, ILogger logger)
    {
        (_folder, _settings, _logger, _layout) = (folder, settings, logger, new VectorFileLayout(dimensions, revision));
        _record = new byte[_layout.RecordBytes];
    }

    /// <summary>Records that can be read.</summary>
    public int Count => _records.Count;

    /// <summary>Bytes on disk, at most: room for new records is a hole in the file where the file system has holes.</summary>
    public long Bytes => _parts.Sum(static p => p.Bytes);

    /// <summary>Why nothing is kept at present; null: it is. A full disk is tried again at the next <see cref="Retain"/>.</summary>
    public string? Fault { get; private set; }

    /// <summary>What a folder holds of a model's vectors. It is made where there is none; what is in it of others is deleted.</summary>
    /// <param name="folder">For this alone. Nothing else may write there.</param>
    /// <param name="dimensions">Of every vector.</param>
    /// <param name="revision">Of the model; vectors of another are dropped.</param>
    /// <param name="settings">Bounds; null: the defaults.</param>
    /// <param name="logger">Told what was left out and why; null: nobody.</param>
    public static VectorFile Open(string folder, int dimensions, string revision, VectorFileSettings? settings = null, ILogger? logger = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dimensions, VectorRules.MostDimensions);
        var vectors = new VectorFile(folder, dimensions, revision, settings ?? new VectorFileSettings(), logger ?? NullLogger.Instance);
        vectors.Load();
        return vectors;
    }

    /// <summary>Copies the vector of a key; false: it is not here.</summary>
    public bool TryRead(ReadOnlySpan<byte> key, Span<float> vector)
    {
        if (!_records.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key, out var record))
            return false;
        record.Vector.CopyTo(vector);
        GC.KeepAlive(record.Part);
        return true;
    }

    /// <summary>
    /// The vector of a key where it stands in the file, for an index that does not copy: memory that the operating system drops and reads again as it sees fit.
    /// It stays readable for as long as it is referred to, also after a compaction or <see cref="Dispose"/>.
    /// </summary>
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlyMemory<float> vector)
    {
        var found = _records.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key, out var record);
        vector = found ? new MappedVector(record.Part, record.Slot).Memory : default;
        return found;
    }

    /// <summary>Keeps a vector; a key that is here already gets the new one. False: it could not be kept, which is logged once.</summary>
    /// <param name="key">1 to 64 bytes, whatever names the vector and its version.</param>
    /// <param name="vector">As many numbers as the file's vectors have.</param>
    /// <exception cref="ArgumentException">The key or the vector has the wrong length.</exception>
    public bool Append(ReadOnlySpan<byte> key, ReadOnlySpan<float> vector)
    {
        if (key.Length is 0 or > LongestKey)
            throw new ArgumentException($"A key has 1 to {LongestKey} bytes, this one {key.Length}.", nameof(key));
        if (vector.Length != _layout.Dimensions)
            throw new ArgumentException($"The vector has {vector.Length} dimensions; this file's have {_layout.Dimensions}.", nameof(vector));
        return Fault is null && TryWrite(key, vector, _settings.MostBytes);
    }

    /// <summary>
    /// Forgets all keys but these, and writes parts anew of which less than half is left. Returns how many keys were forgotten. A key that was forgotten may
    /// be here again after a restart, until it is not retained again.
    /// </summary>
    public int Retain(IEnumerable<ReadOnlyMemory<byte>> liveKeys)
    {
        var live = new HashSet<VectorRecord>(new VectorRecordKeys());
        var lookup = _records.GetAlternateLookup<ReadOnlySpan<byte>>();
        foreach (var key in liveKeys)
            if (lookup.TryGetValue(key.Span, out var record))
                live.Add(record);
        var forgotten = _records.Count - live.Count;
        _records = live;
        if (_lock is not null)
        {
            Fault = null;
            Compact();
        }

        return forgotten;
    }

    /// <summary>Closes the files. What was lent out stays readable.</summary>
    public void Dispose()
    {
        foreach (var part in _parts)
            part.Dispose();
        _parts.Clear();
        _records.Clear();
        _lock?.Dispose();
        _lock = null;
        Fault = "it is closed";
    }

    private bool Refuse(string reason)
    {
        Fault = reason;
        LogRefused(_folder, reason);
        return false;
    }

    [LoggerMessage(EventId = 341, EventName = "VectorFileDropped", Level = LogLevel.Warning, Message = "Vectors in {Path} are left out, and come from the store again: {Reason}")]
    private partial void LogDropped(string path, string reason);

    [LoggerMessage(EventId = 342, EventName = "VectorFileRefused", Level = LogLevel.Warning, Message = "Vectors are not kept in {Folder}, and a restart reads them from the store: {Reason}")]
    private partial void LogRefused(string folder, string reason);
}
