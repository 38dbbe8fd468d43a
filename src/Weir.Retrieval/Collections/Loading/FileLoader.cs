using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Files;
using Weir.State;

namespace Weir.Retrieval.Collections.Loading;

/// <summary>
/// Keeps the files of one collection in it: what is new or changed is taken in under its path, what vanished is removed, what came from elsewhere stays.
/// A file that cannot be read is told by its name, and what was last read of it stays in.
/// </summary>
internal sealed partial class FileLoader(
    CollectionRecord collection, FilePatterns patterns, IStateStore store, CollectionIngest ingest, DocumentReaders readers, CollectionLimits limits, ILogger logger)
{
    /// <summary>The endings of what is loaded.</summary>
    public static readonly IReadOnlyList<string> Kinds = [".md", ".markdown", ".txt", ".jsonl"];

    // Many at once, since each commit costs a flush; not all at once, so that what is done stays done when something fails.
    private const int FilesAtOnce = 1000;

    private readonly CollectionDocuments _documents = new(store, collection.Partition);
    private readonly Dictionary<string, FoundFile> _read = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _faults = new(StringComparer.Ordinal);
    private Dictionary<string, HashSet<string>>? _sources;

    /// <summary>Files that are in, and what is wrong with others.</summary>
    public FileReport Report { get; private set; } = new(0, false, []);

    /// <summary>A search that sees it sees all that was taken in and removed.</summary>
    public long Revision { get; private set; }

    /// <summary>Looks at all files once, and takes in what changed.</summary>
    /// <returns>Why it stopped; null: it did not.</returns>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<RetrievalError?> LookAsync(CancellationToken cancellationToken)
    {
        _sources ??= await SourcesAsync(cancellationToken).ConfigureAwait(false);
        var files = patterns.Find(limits.Files);
        var missing = patterns.Missing;
        foreach (var changed in files.Where(entry => _read.GetValueOrDefault(entry.Key) != entry.Value).OrderBy(entry => entry.Key, StringComparer.Ordinal).Chunk(FilesAtOnce))
        {
            if (await ReadAsync(changed, cancellationToken).ConfigureAwait(false) is { } error)
                return error;
            Report = Report with { Files = _sources.Count };
        }

        if (missing.Count == 0 && files.Count < limits.Files)
        {
            foreach (var name in _sources.Keys.Where(name => !files.ContainsKey(name)).ToList())
            {
                foreach (var id in _sources[name])
                    await RemoveAsync(name, id, cancellationToken).ConfigureAwait(false);
                _sources.Remove(name);
            }
        }

        foreach (var name in _read.Keys.Concat(_faults.Keys).Where(name => !files.ContainsKey(name)).ToList())
        {
            _read.Remove(name);
            _faults.Remove(name);
        }

        var faults = _faults.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}: {entry.Value}")
            .Concat(missing.Select(folder => $"{folder}: there is no such folder"))
            .Concat(files.Count >= limits.Files ? [$"More than {limits.Files} files match: the others are left out"] : []);
        Report = new FileReport(_sources.Count, true, [.. faults.Take(100)]);
        return null;
    }

    private async Task<RetrievalError?> ReadAsync(KeyValuePair<string, FoundFile>[] files, CancellationToken cancellationToken)
    {
        var readings = new List<Reading>(files.Length);
        var asker = new EmbeddingAsker(collection.Tenant ?? "global", collection.Client) { IsBackground = true };
        var (outcome, revision) = await ingest.RunAsync(collection, ItemsAsync(files, readings, cancellationToken), asker, null, cancellationToken).ConfigureAwait(false);
        Revision = Math.Max(Revision, revision);
        if (outcome.Error is { } error)
            return error;
        foreach (var reading in readings)
            await EndAsync(reading, cancellationToken).ConfigureAwait(false);
        return null;
    }

    // Documents that left the file leave the collection; what could not be read says nothing of what it held.
    private async Task EndAsync(Reading reading, CancellationToken cancellationToken)
    {
        var (name, ids) = (reading.Name, reading.Ids);
        _read[name] = reading.File;
        if (reading.Fault is not { } fault)
        {
            _faults.Remove(name);
        }
        else if (_faults.GetValueOrDefault(name) != fault)
        {
            _faults[name] = fault;
            LogFault(collection.Name, name, fault);
        }

        if (_sources!.GetValueOrDefault(name) is { } before)
        {
            if (reading.Fault is not null)
                ids.UnionWith(before);
            foreach (var id in before.Where(id => !ids.Contains(id)))
                await RemoveAsync(name, id, cancellationToken).ConfigureAwait(false);
        }

        if (ids.Count > 0)
            _sources![name] = ids;
        else
            _sources!.Remove(name);
    }

    private async IAsyncEnumerable<IngestItem> ItemsAsync(
        KeyValuePair<string, FoundFile>[] files, List<Reading> readings, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var (name, file) in files)
        {
            var reading = new Reading(name, file);
            readings.Add(reading);
            await using var content = Open(reading);
            if (content is null)
                continue;
            var isList = Path.GetExtension(file.Path).Equals(".jsonl", StringComparison.OrdinalIgnoreCase);
            var items = isList ? readers.LinesAsync(content, cancellationToken) : OneAsync(name, file, content, cancellationToken);
            await using var each = items.GetAsyncEnumerator(cancellationToken);
            while (await NextAsync(each, reading).ConfigureAwait(false) is { } item)
            {
                if (item.Document is not { } document)
                {
                    reading.Fail(item.Failure!.Message);
                    continue;
                }

                reading.Ids.Add(document.Id);
                yield return item with { Document = document with { Source = name } };
            }
        }
    }

    private static FileStream? Open(Reading reading)
    {
        try
        {
            return new FileStream(reading.File.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, useAsync: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reading.Fail($"cannot be read: {e.GetType().Name}");
            return null;
        }
    }

    // Null at the end, also where the file can be read no further.
    private static async ValueTask<IngestItem?> NextAsync(IAsyncEnumerator<IngestItem> items, Reading reading)
    {
        try
        {
            return await items.MoveNextAsync().ConfigureAwait(false) ? items.Current : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reading.Fail($"cannot be read: {e.GetType().Name}");
            return null;
        }
    }

    private async IAsyncEnumerable<IngestItem> OneAsync(string name, FoundFile file, Stream content, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var markdown = !Path.GetExtension(file.Path).Equals(".txt", StringComparison.OrdinalIgnoreCase);
        var (item, error) = await readers.TextAsync(content, markdown, name, null, cancellationToken).ConfigureAwait(false);
        yield return item ?? new IngestItem(null, new IngestFailure(name, null, error!.Code, error.Message));
    }

    private async Task<Dictionary<string, HashSet<string>>> SourcesAsync(CancellationToken cancellationToken)
    {
        var sources = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        await foreach (var document in _documents.AllAsync(cancellationToken).ConfigureAwait(false))
        {
            if (document.Value.Source is not { } source)
                continue;
            if (!sources.TryGetValue(source, out var ids))
                sources.Add(source, ids = new HashSet<string>(StringComparer.Ordinal));
            ids.Add(document.Value.Id);
        }

        return sources;
    }

    // Only while it still comes from that file: somebody may have sent another of the same id.
    private async ValueTask RemoveAsync(string name, string id, CancellationToken cancellationToken)
    {
        while (await _documents.ReadAsync(CollectionDocuments.Key(id), cancellationToken).ConfigureAwait(false) is { } stored && stored.Value.Source == name)
        {
            if (await _documents.CommitAsync([new Write(stored.Key, stored.Version, null)], cancellationToken).ConfigureAwait(false) is not { } revision)
                continue;
            Revision = Math.Max(Revision, revision);
            return;
        }
    }

    // One file as it was read this time.
    private sealed class Reading(string name, FoundFile file)
    {
        private string? _first;
        private int _faults;

        public string Name => name;

        public FoundFile File => file;

        public HashSet<string> Ids { get; } = new(StringComparer.Ordinal);

        public string? Fault => _faults <= 1 ? _first : $"{_faults} documents were left out; the first: {_first}";

        public void Fail(string fault)
        {
            _first ??= fault;
            _faults++;
        }
    }

    [LoggerMessage(EventName = "CollectionFileLeftOut", Level = LogLevel.Warning, Message = "{Collection} leaves out the file {File}: {Reason}")]
    private partial void LogFault(string collection, string file, string reason);
}

/// <summary>What a collection holds of its files.</summary>
/// <param name="Files">That are in.</param>
/// <param name="IsDone">All of them were looked at once.</param>
/// <param name="Faults">One sentence for each that is not.</param>
internal sealed record FileReport(int Files, bool IsDone, IReadOnlyList<string> Faults);
