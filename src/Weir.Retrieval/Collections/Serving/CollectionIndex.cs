using Microsoft.Extensions.Logging;
using Weir.Retrieval.Collections.Storage;
using Weir.State;

namespace Weir.Retrieval.Collections.Serving;

/// <summary>One collection in the memory of this replica: follows its documents for as long as it is here.</summary>
internal sealed partial class CollectionIndex : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
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
        _documents = new CollectionDocuments(store, collection.Partition);
        _following = Task.Run(FollowAsync);
    }

    /// <summary>Null until it has been built.</summary>
    public IndexView? View => _view;

    /// <summary>It will not be built: it holds more than it may.</summary>
    public bool IsTooLarge { get; private set; }

    /// <summary>While it is being built: documents in it, and in all.</summary>
    public (int Done, int Total) Progress => _writer?.Progress ?? default;

    /// <returns>The view, once it has been built and knows a revision; null: not within that time.</returns>
    public async ValueTask<IndexView?> WhenAsync(long revision, TimeSpan within, CancellationToken cancellationToken)
    {
        if (_view is { } now && now.Revision >= revision)
            return now;
        using var late = new CancellationTokenSource(within > TimeSpan.Zero ? within : TimeSpan.Zero, _time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken, _stopping.Token);
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
        while (!_stopping.IsCancellationRequested && !IsTooLarge)
        {
            try
            {
                // A step that broke off may be half applied: a new writer begins from a new snapshot, while the old view is searched.
                var writer = new IndexWriter(_documents, _mostBytes);
                _writer = writer;
                await foreach (var step in _documents.Store.WatchAsync(_documents.Partition, [CollectionDocuments.Prefix], _stopping.Token).ConfigureAwait(false))
                {
                    var view = await writer.ApplyAsync(step, _stopping.Token).ConfigureAwait(false);
                    if (view.Broken.Count > (_view?.Broken.Count ?? 0))
                        LogBroken(_name, view.Broken.Count);
                    _view = view;
                    Wake();
                    pause = FirstPause;
                }
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (IndexTooLargeException)
            {
                LogTooLarge(_name, _mostBytes);
                IsTooLarge = true;
                (_view, _writer) = (null, null);
                Wake();
                return;
            }
            catch (Exception fault)
            {
                LogInterrupted(fault, _name, pause);
            }

            try
            {
                await Task.Delay(pause, _time, _stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private void Wake()
    {
        var changed = _changed;
        _changed = Signal();
        changed.TrySetResult();
    }

    [LoggerMessage(EventName = "CollectionInterrupted", Level = LogLevel.Warning, Message = "The index of {Collection} lost its feed and builds itself anew in {Pause}.")]
    private partial void LogInterrupted(Exception exception, string collection, TimeSpan pause);

    [LoggerMessage(EventName = "CollectionBroken", Level = LogLevel.Error, Message = "{Documents} documents of {Collection} are named and cannot be read: their bytes are gone or damaged. Send them again.")]
    private partial void LogBroken(string collection, int documents);

    [LoggerMessage(EventName = "CollectionTooLarge", Level = LogLevel.Error, Message = "The index of {Collection} needs more than the {Most} bytes that indexes may hold; it is not served.")]
    private partial void LogTooLarge(string collection, long most);
}
