namespace Weir.State;

/// <summary>One step of a watch.</summary>
public abstract record Feed
{
    private Feed(long revision) => Revision = revision;

    public long Revision { get; }

    /// <summary>All documents under the watched prefixes at <see cref="Feed.Revision"/>: it replaces whatever the reader held.</summary>
    public sealed record Snapshot(long At, IReadOnlyList<Document> Documents) : Feed(At);

    /// <summary>One whole commit, as far as it touches the watched prefixes.</summary>
    public sealed record Changes(long At, IReadOnlyList<Change> Items) : Feed(At);
}

/// <summary>A document as one commit left it; null where the commit deleted it, or its time was up.</summary>
public readonly record struct Change(string Key, Document? Document);
