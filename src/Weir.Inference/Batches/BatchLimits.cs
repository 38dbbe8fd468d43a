namespace Weir.Inference.Batches;

/// <summary>What files and batches may take, so that no tenant and no file decides over the memory or the disk of the rest.</summary>
public sealed record BatchLimits
{
    /// <summary>The largest file that is taken, in bytes. Default 200 MiB.</summary>
    public long FileBytes { get; init; } = 200L << 20;

    /// <summary>Files that a tenant may keep; uploads past it are refused, results of batches are not. Default 1,000.</summary>
    public int FilesPerTenant { get; init; } = 1000;

    /// <summary>Bytes that the files of a tenant may have together; the same. Default 10 GiB.</summary>
    public long BytesPerTenant { get; init; } = 10L << 30;

    /// <summary>Uploads that one replica takes at once. Default 16.</summary>
    public int UploadsAtOnce { get; init; } = 16;

    /// <summary>Lines in one batch. Default 50,000.</summary>
    public int Lines { get; init; } = 50_000;

    /// <summary>The longest line, in bytes, without its end. Default 10 MiB.</summary>
    public int LineBytes { get; init; } = 10 << 20;

    /// <summary>Faults that a batch which failed its validation lists. Default 100; the number of all is in the last one's message.</summary>
    public int FaultsListed { get; init; } = 100;

    /// <summary>Batches of a tenant that have not ended. Default 100.</summary>
    public int BatchesPerTenant { get; init; } = 100;

    /// <summary>Batches of one tenant that one replica runs at once, so that those of a stopped provider leave room to other tenants. Default 4.</summary>
    public int TenantBatchesAtOnce { get; init; } = 4;

    /// <summary>Batches that one replica runs at once in all; the others wait for their turn. Default 64.</summary>
    public int BatchesAtOnce { get; init; } = 64;

    /// <summary>Batches that are validated or brought to their end at once without a turn: that waits for no provider. Default 8.</summary>
    public int LooksAtOnce { get; init; } = 8;

    /// <summary>Lines of one batch that are under way at once at most. Default 64.</summary>
    public int LinesAtOnce { get; init; } = 64;

    /// <summary>Lines of one batch that wait to be tried again; no new ones are read past it. Default 1,000.</summary>
    public int LinesWaiting { get; init; } = 1000;

    /// <summary>What the lines of one batch under way or waiting, and the answers that are expected to them, may hold, in bytes. Default 64 MiB; one line is always taken.</summary>
    public long Memory { get; init; } = 64L << 20;

    /// <summary>The longest answer to a line, in bytes. Default 8 MiB, at most 12 MiB: a record of the log holds it.</summary>
    public int AnswerBytes { get; init; } = 8 << 20;

    /// <summary>
    /// How often a line is sent that the provider answers with a 500 or with something that is no answer, though it has answered other lines for
    /// the same model since this one was begun; then what it said last is the line's result. Default 16, which takes about an hour. A provider
    /// that is not there, or that has answered nobody since, is waited for until the batch's window is over.
    /// </summary>
    public int Tries { get; init; } = 16;

    /// <summary>The shortest window for the completion of a batch. Default 1 minute.</summary>
    public TimeSpan ShortestWindow { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The longest. Default 7 days.</summary>
    public TimeSpan LongestWindow { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How long output and error files are kept where the batch does not say otherwise. Default 30 days.</summary>
    public TimeSpan ResultsKept { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How long a batch is shown after its end. Default 30 days.</summary>
    public TimeSpan BatchesKept { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How long an upload may take from its first byte until it is a file; then what there is of it is removed. Default 1 day.</summary>
    public TimeSpan DraftsKept { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How long lines under way may take to end after a batch is cancelled. Default 30 s.</summary>
    public TimeSpan CancelGrace { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The same when the server stops; what is cut then is asked again. Default 5 s.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(5);
}
