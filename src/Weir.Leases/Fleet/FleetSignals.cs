namespace Weir.Leases.Fleet;

/// <summary>Who waits for the feed to come so far, or for a lease to change. The view's lock guards it; whoever waits is answered outside of it.</summary>
internal sealed class FleetSignals
{
    private readonly PriorityQueue<TaskCompletionSource, long> _revisions = new();

    // One for each revision: whoever comes back after a wait that was over adds none.
    private readonly Dictionary<long, TaskCompletionSource> _byRevision = [];
    private readonly Dictionary<string, TaskCompletionSource> _leases = new(StringComparer.Ordinal);

    public Task At(long revision)
    {
        if (!_byRevision.TryGetValue(revision, out var signal))
        {
            _byRevision.Add(revision, signal = New());
            _revisions.Enqueue(signal, revision);
        }

        return signal.Task;
    }

    /// <summary>Ends at each change of a lease.</summary>
    public Task ChangeOf(string leaseId)
    {
        if (!_leases.TryGetValue(leaseId, out var signal))
            _leases.Add(leaseId, signal = New());
        return signal.Task;
    }

    public void Reached(long revision, List<TaskCompletionSource> due)
    {
        while (_revisions.TryPeek(out _, out var next) && next <= revision)
        {
            due.Add(_revisions.Dequeue());
            _byRevision.Remove(next);
        }
    }

    public void Changed(string leaseId, List<TaskCompletionSource> due)
    {
        if (_leases.Remove(leaseId, out var signal))
            due.Add(signal);
    }

    public void AllChanged(List<TaskCompletionSource> due)
    {
        due.AddRange(_leases.Values);
        _leases.Clear();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
