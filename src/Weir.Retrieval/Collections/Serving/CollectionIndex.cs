using Microsoft.Extensions.Logging;
using Weir.Retrieval.Collections.Storage;
using Weir.Retrieval.Vectors;
using Weir.State;

namespace Weir.Retrieval.Collections.Serving;

/// <summary>One collection in the memory of this replica: follows its documents for as long as it is here.</summary>
internal sealed partial class CollectionIndex : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationToken _stopped;
    private readonly NativeAccount _account = new();
    private readonly CollectionDocuments _documents;
    private readonly string _name;
    private readonly long _mostBytes;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Task _following;
    private volatile IndexWriter? _writer;
    private volatile IndexView? _view;
    private volatile TaskCompletionSource _changed = Signal();

    public CollectionIndex(CollectionRecord collection, IStateStore store, long mostBytes, TimeProvider time, ILogger logger)
    {
        (_name, _mostBytes, _time, _logger) = (collection.Name, mostBytes, time, logger);
        _stopped = _stopping.Token;
        _documents = new CollectionDocuments(store, collection.Partition);
        _following = Task.Run(FollowAsync);
    }

    /// <summary>Null until it has been built.</summary>
    public IndexView? View => _view;

    /// <summary>It will not be built: it holds more than it may.</summary>
    public bool IsTooLarge { get; private set; }

    /// <summary>Of vectors, those that only searches under way still hold included. 0 once it is disposed and they are done.</summary>
    public long NativeBytes => _account.Bytes;

    /// <summary>While it is being built: documents in it, and in all.</summary>
    public (int Done, int Total) Progress => _writer?.Progress ?? default;

    /// <returns>The view, once it has been built and knows a revision; null: not within that time.</returns>
    public async ValueTask<IndexView?> WhenAsync(long revision, TimeSpan within, CancellationToken cancellationToken)
    {
        if (_view is { } now && now.Revision >= revision)
            return now;
        using var late = new CancellationTokenSource(within > TimeSpan.Zero ? within : TimeSpan.Zero, _time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken, _stopped);
        while (true)
        {
            // The signal is taken before it is looked: what changes in between wakes the wait.
            var changed = _changed.Task;
            if (_view is { } view && view.Revision >= revision)
                return view;
            if (IsTooLarge)
                return null;
            try
            {
                await changed.WaitAsync(ends.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return null;
            }
        }
    }

    /// <summary>Frees its memory as soon as the searches under way are done; those that come later find no view.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _following.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task FollowAsync()
    {
        var pause = FirstPause;
        IndexWriter? served = null;
        while (!_stopped.IsCancellationRequested && !IsTooLarge)
        {
            // A step that broke off may be half applied: a new writer begins from a new snapshot, while the old view is searched.
            var writer = new IndexWriter(_documents, _mostBytes, _account);
            _writer = writer;
            try
            {
                await foreach (var step in _documents.Store.WatchAsync(_documents.Partition, [CollectionDocuments.Prefix], _stopped).ConfigureAwait(false))
                {
                    var view = await writer.ApplyAsync(step, _stopped).ConfigureAwait(false);
                    if (view.Broken.Count > (_view?.Broken.Count ?? 0))
                        LogBroken(_name, view.Broken.Count, view.BrokenNames);
                    Publish(view);
                    // Only now: a search that meets what is freed here finds that there is a newer view, and takes that.
                    writer.Retire();
                    if (served != writer)
                        served?.Dispose();
                    served = writer;
                    pause = FirstPause;
                }
            }
            catch (OperationCanceledException) when (_stopped.IsCancellationRequested)
            {
            }
            catch (IndexTooLargeException)
            {
                LogTooLarge(_name, _mostBytes);
                IsTooLarge = true;
            }
            catch (Exception fault)
            {
                LogInterrupted(fault, _name, pause);
            }

            if (served != writer)
                writer.Dispose();
            if (!IsTooLarge)
                await Task.Delay(pause, _time, _stopped).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }

        _writer = null;
        Publish(null);
        served?.Dispose();
    }

    private void Publish(IndexView? view)
    {
        _view = view;
        Wake();
    }

    private void Wake()
    {
        var changed = _changed;
        _changed = Signal();
        changed.TrySetResult();
    }

    [LoggerMessage(EventName = "CollectionInterrupted", Level = LogLevel.Warning, Message = "The index of {Collection} lost its feed and builds itself anew in {Pause}.")]
    private partial void LogInterrupted(Exception exception, string collection, TimeSpan pause);

    [LoggerMessage(EventName = "CollectionBroken", Level = LogLevel.Error, Message = "{Documents} documents of {Collection} cannot be read, since their bytes are gone or damaged, and are left out: {Names}. Send them again.")]
    private partial void LogBroken(string collection, int documents, string names);

    [LoggerMessage(EventName = "CollectionTooLarge", Level = LogLevel.Error, Message = "The index of {Collection} needs more than the {Most} bytes that indexes may hold; it is not served.")]
    private partial void LogTooLarge(string collection, long most);
}
