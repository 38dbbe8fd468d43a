using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Searching;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>
/// A catalog on this replica: a stable identity that holds what the store says of it and the index that answers, each immutable and swapped whole. The index
/// may be of an older version than the entry, while the next one is built.
/// </summary>
internal sealed class CatalogState(CatalogEntry entry, TimeProvider time)
{
    private readonly Lock _gate = new();
    private CatalogEntry? _entry = entry;
    private volatile CatalogStatusRecord? _status;
    private volatile ToolIndex? _index;
    private Task? _building;
    private long _used = time.GetTimestamp();

    /// <summary>Null: the catalog is gone.</summary>
    public CatalogEntry? Entry
    {
        get
        {
            lock (_gate) return _entry;
        }
    }

    public CatalogStatusRecord? Status
    {
        get => _status;
        set => _status = value;
    }

    public ToolIndex? Index => _index;

    /// <summary>An index is being built.</summary>
    public bool IsBuilding
    {
        get
        {
            lock (_gate) return _building is not null;
        }
    }

    /// <summary>How often in a row an index has come without vectors.</summary>
    public int VectorFailures { get; private set; }

    /// <summary>When an index without vectors was built.</summary>
    public long BuiltAt { get; private set; }

    public TimeSpan Idle => time.GetElapsedTime(Volatile.Read(ref _used));

    public void Use() => Volatile.Write(ref _used, time.GetTimestamp());

    /// <returns>Whether this is news.</returns>
    public bool Put(CatalogEntry entry, bool isSnapshot)
    {
        lock (_gate)
        {
            // A store that came back from an older state has lower versions, and is the truth all the same.
            if (_entry is { } known && (isSnapshot ? known.Version == entry.Version : known.Version >= entry.Version))
                return false;
            _entry = entry;
            return true;
        }
    }

    public void Remove()
    {
        lock (_gate) _entry = null;
        _index = null;
    }

    /// <summary>Forgets the index; the next search builds it anew.</summary>
    public void Unload() => _index = null;

    /// <summary>One build at a time, which goes on until its index is of the newest version; whoever asks meanwhile waits for the same one.</summary>
    public Task BuildAsync(Func<CatalogEntry, Task<ToolIndex?>> build, bool again)
    {
        lock (_gate)
        {
            if (_building is not null)
                return _building;
            if (_entry is null || (!again && _index?.Entry.Version == _entry.Version))
                return Task.CompletedTask;
            // Not on this thread: a build is long, and its caller holds requests.
            return _building = Task.Run(() => RunAsync(build));
        }
    }

    private async Task RunAsync(Func<CatalogEntry, Task<ToolIndex?>> build)
    {
        while (true)
        {
            CatalogEntry wanted;
            lock (_gate)
            {
                // Ended under the lock: whoever changes the entry after this begins another build.
                if (_entry is null)
                {
                    _building = null;
                    return;
                }

                wanted = _entry;
            }

            var index = await build(wanted).ConfigureAwait(false);
            lock (_gate)
            {
                if (index is not null && _entry is not null)
                {
                    _index = index;
                    VectorFailures = index.Vectors is null ? VectorFailures + 1 : 0;
                    BuiltAt = time.GetTimestamp();
                }

                if (_entry?.Version == wanted.Version)
                {
                    _building = null;
                    return;
                }
            }
        }
    }
}
