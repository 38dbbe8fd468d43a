using System.Collections.Immutable;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Vectors;
using Weir.State;

namespace Weir.Retrieval.Collections.Serving;

/// <summary>Makes views of a collection from its feed: one step at a time, each published whole. What breaks one off leaves it unusable, and its last view as it was.</summary>
/// <param name="documents">Whose.</param>
/// <param name="mostBytes">What the index may hold, estimated.</param>
/// <param name="account">Where the native memory of its vectors is counted.</param>
internal sealed class IndexWriter(CollectionDocuments documents, long mostBytes, NativeAccount account) : IDisposable
{
    private const int Group = 256;

    private readonly Dictionary<EmbeddingShape, ShapeIndex> _shapes = [];
    private readonly List<ShapeIndex> _retired = [];
    private IndexView _view = IndexView.Empty;
    private long _lastPart;
    private int _done;
    private int _total;

    /// <summary>Documents of the step under way, and how many of them are in.</summary>
    public (int Done, int Total) Progress => (Volatile.Read(ref _done), Volatile.Read(ref _total));

    /// <exception cref="IndexTooLargeException">It would hold more than it may.</exception>
    public async ValueTask<IndexView> ApplyAsync(Feed step, CancellationToken cancellationToken)
    {
        var draft = new Draft(_view);
        List<Document> changed;
        if (step is Feed.Snapshot snapshot)
        {
            var there = snapshot.Documents.Select(document => document.Key).ToHashSet(StringComparer.Ordinal);
            foreach (var key in _view.Documents.Keys.Where(key => !there.Contains(key)))
                Drop(draft, key);
            draft.Broken.RemoveRange(draft.Broken.Keys.Where(key => !there.Contains(key)).ToList());
            changed = [.. snapshot.Documents];
        }
        else
        {
            var items = ((Feed.Changes)step).Items;
            foreach (var item in items.Where(item => item.Document is null))
                Drop(draft, item.Key);
            changed = [.. items.Where(item => item.Document is not null).Select(item => item.Document!)];
        }

        await PutAsync(draft, changed, cancellationToken).ConfigureAwait(false);
        foreach (var (shape, index) in _shapes.ToList())
        {
            index.Flush();
            if (index.IsEmpty && _shapes.Remove(shape))
                _retired.Add(index);
        }

        return _view = new IndexView
        {
            Revision = step.Revision,
            Documents = draft.Documents.ToImmutable(),
            Parts = draft.Parts.ToImmutable(),
            Shapes = [.. _shapes.Values.Select(index => index.View)],
            Broken = draft.Broken.ToImmutable(),
            DocumentBytes = draft.DocumentBytes,
            TextBytes = draft.TextBytes,
        };
    }

    /// <summary>Frees what only earlier views have, once the last one has been published.</summary>
    public void Retire()
    {
        foreach (var index in _retired)
            index.Dispose();
        _retired.Clear();
    }

    public void Dispose()
    {
        Retire();
        foreach (var index in _shapes.Values)
            index.Dispose();
    }

    private async ValueTask PutAsync(Draft draft, List<Document> changed, CancellationToken cancellationToken)
    {
        (_done, _total) = (0, changed.Count);
        await using var texts = new PackReader(documents.Store.Blobs);
        await using var vectors = new PackReader(documents.Store.Blobs);
        await using var next = new PackReader(documents.Store.Blobs);
        var records = changed.ConvertAll(document => (document.Key, document.Version, Record: CollectionDocuments.Parse(document)));
        // Not even its id can be read: it is named by its key.
        foreach (var (key, _, _) in records.Where(entry => entry.Record is null))
            draft.Broken[key] = key;
        var inOrder = records.Where(entry => entry.Record is not null).Select(entry => (entry.Key, entry.Version, Record: entry.Record!))
            .OrderBy(entry => entry.Record.Text.Pack, StringComparer.Ordinal).ThenBy(entry => entry.Record.Text.Offset);
        foreach (var (key, version, record) in inOrder)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (await ReadAsync(draft, key, record, texts, vectors, next, cancellationToken).ConfigureAwait(false) is { } read)
                Replace(draft, key, read);
            else if ((await documents.ReadAsync(key, cancellationToken).ConfigureAwait(false))?.Version == version)
                draft.Broken[key] = record.Id;
            // Else it was changed since, and the feed brings that.

            Volatile.Write(ref _done, _done + 1);
            if (_done % Group != 0)
                continue;
            foreach (var index in _shapes.Values)
                index.Flush();
            if (draft.DocumentBytes + _shapes.Values.Sum(index => index.Bytes) > mostBytes)
                throw new IndexTooLargeException();
        }
    }

    // The document with its parts, those that are to be added with their vectors. Null: bytes are missing, or do not fit together.
    private async ValueTask<(ServedDocument Document, List<(ServedPart Part, PackedVectors Vectors)> Added)?> ReadAsync(
        Draft draft, string key, DocumentRecord record, PackReader texts, PackReader vectors, PackReader next, CancellationToken cancellationToken)
    {
        var known = draft.Documents.GetValueOrDefault(key);
        if (known?.Content != record.Content)
            known = null;
        var text = known is null ? await texts.TextAsync(record.Text, cancellationToken).ConfigureAwait(false) : new PackedText(known.Text, false, known.Metadata);
        if (text is null)
            return null;

        var (parts, added) = (new List<ServedPart>(2), new List<(ServedPart, PackedVectors)>(2));
        foreach (var slice in record.Next is { } later ? [record.Vectors, later] : (VectorSlice[])[record.Vectors])
        {
            if (known?.Parts.FirstOrDefault(part => part.Shape == slice.Shape) is { } kept)
            {
                parts.Add(kept);
                continue;
            }

            if (await (ReferenceEquals(slice, record.Next) ? next : vectors).VectorsAsync(slice.Slice, cancellationToken).ConfigureAwait(false) is not { } packed
                || packed.Chunks.Count != slice.Chunks
                || packed.Chunks.Any(chunk => chunk.Start > text.Text.Length - chunk.Length)
                || !ShapeOf(slice.Shape).Takes(packed))
            {
                return null;
            }

            var part = new ServedPart(slice.Shape, ++_lastPart, packed.Chunks);
            parts.Add(part);
            added.Add((part, packed));
        }

        return (new ServedDocument(record.Id, record.Content, text.Text, text.Metadata, record.Bytes, parts), added);
    }

    private void Replace(Draft draft, string key, (ServedDocument Document, List<(ServedPart Part, PackedVectors Vectors)> Added) read)
    {
        var (document, added) = read;
        draft.Broken.Remove(key);
        if (draft.Documents.TryGetValue(key, out var old))
            Forget(draft, old, old.Parts.Where(part => !document.Parts.Contains(part)));
        foreach (var (part, vectors) in added)
            ShapeOf(part.Shape).Add(document.Text, part, vectors);

        draft.Documents[key] = document;
        foreach (var part in document.Parts)
            draft.Parts[part.Number] = document;
        draft.DocumentBytes += document.Footprint;
        draft.TextBytes += document.Bytes;
    }

    private ShapeIndex ShapeOf(EmbeddingShape shape)
    {
        if (!_shapes.TryGetValue(shape, out var index))
            _shapes.Add(shape, index = new ShapeIndex(shape, account));
        return index;
    }

    private void Drop(Draft draft, string key)
    {
        draft.Broken.Remove(key);
        if (!draft.Documents.Remove(key, out var old))
            return;
        Forget(draft, old, old.Parts);
    }

    private void Forget(Draft draft, ServedDocument old, IEnumerable<ServedPart> parts)
    {
        foreach (var part in parts)
        {
            _shapes[part.Shape].Remove(part);
            draft.Parts.Remove(part.Number);
        }

        draft.DocumentBytes -= old.Footprint;
        draft.TextBytes -= old.Bytes;
    }

    /// <summary>The next view while it is made.</summary>
    private sealed class Draft(IndexView view)
    {
        public ImmutableDictionary<string, ServedDocument>.Builder Documents { get; } = view.Documents.ToBuilder();

        public ImmutableDictionary<long, ServedDocument>.Builder Parts { get; } = view.Parts.ToBuilder();

        public ImmutableDictionary<string, string>.Builder Broken { get; } = view.Broken.ToBuilder();

        public long DocumentBytes { get; set; } = view.DocumentBytes;

        public long TextBytes { get; set; } = view.TextBytes;
    }
}

/// <summary>An index holds more than one may.</summary>
internal sealed class IndexTooLargeException : Exception;
