namespace Weir.Retrieval.Collections;

/// <summary>What collections hold at most, and how long their work waits.</summary>
public sealed record CollectionLimits
{
    /// <summary>Of an id of a document, in bytes of UTF-8.</summary>
    public int IdBytes { get; init; } = 512;

    /// <summary>Of one document's text, in bytes of UTF-8.</summary>
    public int TextBytes { get; init; } = 8 << 20;

    /// <summary>Of one document's metadata, in bytes as sent.</summary>
    public int MetadataBytes { get; init; } = 64 << 10;

    /// <summary>Of objects and lists inside of one another in metadata, the outermost included.</summary>
    public int MetadataDepth { get; init; } = 16;

    /// <summary>Of one line of JSON Lines: a text of <see cref="TextBytes"/> with escapes, and its metadata.</summary>
    public int LineBytes { get; init; } = 17 << 20;

    /// <summary>Of a body of JSON Lines.</summary>
    public long UploadBytes { get; init; } = 200L << 20;

    /// <summary>Documents that are embedded, stored and acknowledged together; at most 256.</summary>
    public int BatchDocuments { get; init; } = 256;

    /// <summary>The same in bytes of text; a single document may have more.</summary>
    public int BatchBytes { get; init; } = 4 << 20;

    /// <summary>Vectors of one batch, in bytes: a long text in very small chunks becomes many times its size.</summary>
    public long BatchVectorBytes { get; init; } = 512L << 20;

    /// <summary>Chunks in one call of the embedding service.</summary>
    public int EmbedAtOnce { get; init; } = 256;

    /// <summary>Items of an ingest whose failure is told one by one; later ones are only counted.</summary>
    public int FailuresListed { get; init; } = 1000;

    /// <summary>How long an ingest's answer waits until searches here see what it stored.</summary>
    public TimeSpan SeenWithin { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a search waits for an index that is being built, unless its request says otherwise.</summary>
    public TimeSpan LoadWithin { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Indexes in memory, estimated in bytes; the least recently used one that nobody searches goes first.</summary>
    public long IndexBytes { get; init; } = 4L << 30;

    /// <summary>Indexes in memory at once.</summary>
    public int Indexes { get; init; } = 256;

    /// <summary>An index that nobody asked for so long leaves memory; those of global collections stay.</summary>
    public TimeSpan IndexIdle { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Collections of one tenant.</summary>
    public int CollectionsOfTenant { get; init; } = 1000;

    /// <summary>Looking for what is to be done beside requests.</summary>
    public TimeSpan UpkeepEvery { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Every collection is looked through this often even where nothing is known to have changed.</summary>
    public TimeSpan ScanEvery { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>In store time: a pack that no document names stays so long, since a commit that names it may be on its way.</summary>
    public TimeSpan DraftsKept { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>In store time: what is left of a deleted collection is looked for so long, since an ingest may still have been writing.</summary>
    public TimeSpan RemovedWatched { get; init; } = TimeSpan.FromMinutes(20);

    /// <summary>Looking whether loaded files have changed.</summary>
    public TimeSpan FilesEvery { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Files of one collection.</summary>
    public int Files { get; init; } = 100_000;
}
