using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;

namespace Weir.Tests.Leases.Upkeep;

/// <summary>A view of the fleet as plain as can be: two dictionaries behind one lock, written by the feed.</summary>
internal sealed class PlainView(IStateStore store, string fleet, TimeProvider time) : IFleetView
{
    private readonly Lock _sync = new();
    private readonly Dictionary<string, Document> _documents = new(StringComparer.Ordinal);
    private TaskCompletionSource _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _revision = -1;

    public event Action? Changed;

    public bool IsKnown => Revision >= 0;

    public long Revision => Interlocked.Read(ref _revision);

    public IReadOnlyList<Stored<KindRecord>> Kinds => All(LeaseDocuments.Kinds, body => LeaseDocuments.ReadKind(body.Span));

    public IReadOnlyList<Stored<LeaseRecord>> Leases => All(LeaseDocuments.Leases, body => LeaseDocuments.ReadLease(body.Span));

    public Stored<KindRecord>? Kind(string nameOrAlias) => One(LeaseDocuments.Kinds + nameOrAlias, body => LeaseDocuments.ReadKind(body.Span));

    public Stored<ResourceRecord>? Resource(string id) => One(LeaseDocuments.Resources + id, body => LeaseDocuments.ReadResource(body.Span));

    public Stored<LeaseRecord>? Lease(string id) => One(LeaseDocuments.Leases + id, body => LeaseDocuments.ReadLease(body.Span));

    public IReadOnlyList<Stored<ResourceRecord>> Resources(string? kind = null) =>
        [.. All(LeaseDocuments.Resources, body => LeaseDocuments.ReadResource(body.Span)).Where(resource => kind is null || resource.Value.Kind == kind)];

    public IReadOnlyList<Stored<LeaseRecord>> LeasesOf(string tenant, string workerId) =>
        [.. Leases.Where(lease => lease.Value.Tenant == tenant && lease.Value.WorkerId == workerId && !lease.Value.HasEnded)];

    public async ValueTask<bool> WhenAsync(long revision, TimeSpan within, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task moved;
            lock (_sync)
            {
                if (_revision >= revision)
                    return true;
                moved = _moved.Task;
            }

            try
            {
                await moved.WaitAsync(within, time, cancellationToken);
            }
            catch (TimeoutException)
            {
                return false;
            }
        }
    }

    public Task FollowAsync(CancellationToken stoppingToken) => store.FollowAsync(LeaseDocuments.PartitionOf(fleet), "", Apply, (_, _) => { }, time, stoppingToken);

    private void Apply(Feed step)
    {
        lock (_sync)
        {
            if (step is Feed.Snapshot snapshot)
            {
                _documents.Clear();
                foreach (var document in snapshot.Documents)
                    _documents[document.Key] = document;
            }

            foreach (var change in step is Feed.Changes changes ? changes.Items : [])
            {
                _documents.Remove(change.Key);
                if (change.Document is { } document)
                    _documents[change.Key] = document;
            }

            Interlocked.Exchange(ref _revision, step.Revision);
            Interlocked.Exchange(ref _moved, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        }

        Changed?.Invoke();
    }

    private Stored<T>? One<T>(string key, Func<ReadOnlyMemory<byte>, T?> read)
        where T : class
    {
        lock (_sync)
            return _documents.TryGetValue(key, out var document) && read(document.Body) is { } value ? new Stored<T>(value, document.Version) : null;
    }

    private List<Stored<T>> All<T>(string prefix, Func<ReadOnlyMemory<byte>, T?> read)
        where T : class
    {
        lock (_sync)
        {
            return [.. _documents.Values.Where(document => document.Key.StartsWith(prefix, StringComparison.Ordinal)).OrderBy(document => document.Key, StringComparer.Ordinal)
                .Select(document => read(document.Body) is { } value ? new Stored<T>(value, document.Version) : null).OfType<Stored<T>>()];
        }
    }
}
