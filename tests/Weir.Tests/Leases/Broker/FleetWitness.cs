using Weir.State;

namespace Weir.Tests.Leases.Broker;

/// <summary>Follows a store and looks at the fleet after every single commit. The first thing that does not hold is kept.</summary>
internal sealed class FleetWitness : IAsyncDisposable
{
    private readonly CancellationTokenSource _ends = new();
    private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int? _perWorker;
    private readonly Task _watching;
    private long _revision;

    public FleetWitness(IStateStore store, int? perWorker = null)
    {
        _perWorker = perWorker;
        _watching = WatchAsync(store);
    }

    public FleetState State { get; } = new();

    public Exception? Fault { get; private set; }

    public int Commits { get; private set; }

    public long Revision => Interlocked.Read(ref _revision);

    public Task Began => _began.Task;

    public void ShouldBeContent()
    {
        if (Fault is { } fault)
            throw new InvalidOperationException($"After {Commits} commits: {fault.Message}", fault);
    }

    public async ValueTask DisposeAsync()
    {
        await _ends.CancelAsync();
        await _watching;
    }

    private async Task WatchAsync(IStateStore store)
    {
        try
        {
            await foreach (var step in store.WatchAsync(LeaseReplica.Partition, [""], _ends.Token))
            {
                lock (State)
                {
                    if (step is Feed.Snapshot)
                        State.Clear();
                    foreach (var (key, document) in step switch
                    {
                        Feed.Snapshot snapshot => snapshot.Documents.Select(document => new Change(document.Key, document)),
                        Feed.Changes changes => changes.Items,
                        _ => [],
                    })
                        State.Put(key, document);
                    State.ShouldHold(_perWorker);
                }

                Commits++;
                Interlocked.Exchange(ref _revision, step.Revision);
                _began.TrySetResult();
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
        catch (Exception fault)
        {
            Fault = fault;
            _began.TrySetResult();
        }
    }
}
