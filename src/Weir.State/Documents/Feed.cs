namespace Weir.State;

/// <summary>One step of a watch.</summary>
public abstract record Feed
{
    private Feed(long revision) => Revision = revision;

    public long Revision { get; }

    /// <summary>All documents under the watched prefixes at <see cref="Feed.Revision"/>: it replaces whatever the reader held.</summary>
    public sealed record Snapshot(long At, IReadOnlyList<Document> Documents) : Feed(At)
    {
        /// <summary>The revision from which on the store remembers: it came back empty then, or from an older copy. 0: it has forgotten nothing that it knows of.</summary>
        public long Since { get; init; }

        /// <summary>Whether what a reader knew and does not find here was forgotten by the store, rather than deleted by somebody.</summary>
        /// <param name="read">The revision up to which it had read before. 0: nothing.</param>
        public bool HasForgotten(long read) => read > 0 && read < Since;
    }

    /// <summary>One whole commit, as far as it touches the watched prefixes.</summary>
    public sealed record Changes(long At, IReadOnlyList<Change> Items) : Feed(At);
}

/// <summary>A document as one commit left it; null where the commit deleted it, or its time was up.</summary>
public readonly record struct Change(string Key, Document? Document);
