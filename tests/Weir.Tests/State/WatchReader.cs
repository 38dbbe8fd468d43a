using Weir.State;

namespace Weir.Tests.State;

/// <summary>Reads a watch step by step, with a limit that only a hang reaches.</summary>
internal sealed class WatchReader : IAsyncDisposable
{
    private readonly CancellationTokenSource _ends = new();
    private readonly IAsyncEnumerator<Feed> _feed;

    public WatchReader(IStateStore store, string partition, params string[] prefixes) =>
        _feed = store.WatchAsync(partition, prefixes, _ends.Token).GetAsyncEnumerator();

    public async Task<Feed> NextAsync()
    {
        _ends.CancelAfter(TimeSpan.FromSeconds(60));
        (await _feed.MoveNextAsync()).ShouldBeTrue();
        return _feed.Current;
    }

    public async ValueTask DisposeAsync()
    {
        await _ends.CancelAsync();
        await _feed.DisposeAsync();
        _ends.Dispose();
    }
}

/// <summary>What a reader of the feed knows.</summary>
internal sealed class FeedMirror
{
    public Dictionary<string, Document> Documents { get; } = [];

    public long Revision { get; private set; }

    public int Commits { get; private set; }

    public int Snapshots { get; private set; }

    public void Apply(Feed feed)
    {
        switch (feed)
        {
            case Feed.Snapshot snapshot:
                Snapshots++;
                Documents.Clear();
                foreach (var document in snapshot.Documents)
                    Documents[document.Key] = document;
                break;
            case Feed.Changes changes:
                Commits++;
                changes.Revision.ShouldBeGreaterThan(Revision);
                foreach (var change in changes.Items)
                {
                    if (change.Document is { } document)
                        Documents[change.Key] = document;
                    else
                        Documents.Remove(change.Key);
                }

                break;
        }

        Revision = feed.Revision;
    }

    /// <summary>Documents <c>k/N/0</c> and <c>k/N/1</c> side by side.</summary>
    public IEnumerable<(string?, string?)> Halves() =>
        Documents.Keys.Where(k => k.EndsWith("/0", StringComparison.Ordinal))
            .Select(k => ((string?)Documents[k].Text(), Documents.GetValueOrDefault(k[..^1] + "1")?.Text()));
}
