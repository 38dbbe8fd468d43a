using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Server.Configuration;
using Weir.State;

namespace Weir.Server.Mcp.Tools;

/// <summary>One resource of a lease in use.</summary>
/// <param name="Lease">The lease, ready.</param>
/// <param name="Holding">What it holds.</param>
/// <param name="IsOwn">It was allocated in the session of the call.</param>
internal sealed record Held(Stored<LeaseRecord> Lease, LeaseHolding Holding, bool IsOwn)
{
    public string Named => $"{Holding.Resource} (lease {Lease.Value.Id})";
}

/// <summary>
/// Which lease a call means: the one that it names; else one of the session's own; else the only one of its worker. Where that leaves several, the call has to say
/// which, and is told what there are.
/// </summary>
internal sealed class HoldingChoice(ILeaseBroker broker, IFleetView fleet, IStateStore store, WeirOptions options)
{
    public const string Worker = "worker_id";
    public const string Lease = "lease_id";
    public const string Resource = "resource_id";

    private static readonly TimeSpan CatchUpWithin = TimeSpan.FromSeconds(2);

    private readonly string _partition = LeaseDocuments.PartitionOf(options.Server.Fleet);

    /// <summary>Everything that a call may mean: of its lease, else of its worker, else of its session.</summary>
    /// <returns>At least one, or why there is none.</returns>
    public async ValueTask<(IReadOnlyList<Held> Held, string? Fault)> AllAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        await fleet.KnownAsync(cancellationToken);
        var found = Look(call);
        if (found.Count == 0 && await CatchUpAsync(cancellationToken)) found = Look(call);
        return found.Count > 0 ? (found, null) : ([], Nothing(call));
    }

    /// <summary>The one resource of a sort that a call means.</summary>
    public async ValueTask<(Held? Held, string? Fault)> OneAsync(McpToolCall call, string sort, CancellationToken cancellationToken)
    {
        var (all, fault) = await AllAsync(call, cancellationToken);
        if (fault is not null) return (null, fault);
        var fit = all.Where(held => ResourceKinds.SortOf(held.Holding.Kind) == sort).ToList();
        if (call.Arguments.Text(Resource) is { } wanted)
        {
            return fit.Find(held => held.Holding.Resource == wanted) is { } named
                ? (named, null)
                : (null, $"'{wanted}' is no resource of kind '{sort}' that this call may use.{Listed(fit)}");
        }

        var own = fit.Where(held => held.IsOwn).ToList();
        return (own.Count > 0 ? own : fit) switch
        {
            [var only] => (only, null),
            [] => (null, $"There is a lease, but without a resource of kind '{sort}': allocate one with allocate_batch_resources."),
            var several => (null, $"There are several resources that this may mean: say which by '{Resource}'.{Listed(several)}"),
        };
    }

    public Task<KindReply> UseAsync(McpToolCall call, Held held, KindCall use, CancellationToken cancellationToken) =>
        broker.UseAsync(call.Asker, held.Lease.Value.Id, held.Holding.Resource, use, cancellationToken);

    private List<Held> Look(McpToolCall call)
    {
        var worker = call.Arguments.Text(Worker);
        var own = call.Session?.Leases ?? [];
        IEnumerable<Stored<LeaseRecord>> leases;
        if (call.Arguments.Text(Lease) is { } named)
            leases = broker.Find(call.Asker, named) is { } lease ? [lease] : [];
        else if (worker is not null)
            leases = fleet.LeasesOf(call.Asker.Tenant, worker);
        else
            leases = own.Select(id => broker.Find(call.Asker, id)).OfType<Stored<LeaseRecord>>();
        return
        [
            .. from lease in leases
               where lease.Value.State == LeaseState.Ready && (worker is null || lease.Value.WorkerId == worker)
               from holding in lease.Value.Holdings
               select new Held(lease, holding, own.Contains(lease.Value.Id)),
        ];
    }

    // What another replica granted a moment ago may not have been read here yet. Asked only where a call would fail otherwise.
    private async ValueTask<bool> CatchUpAsync(CancellationToken cancellationToken)
    {
        if (!store.IsShared) return false;
        var revision = await store.RevisionAsync(_partition, cancellationToken);
        return revision > fleet.Revision && await fleet.WhenAsync(revision, CatchUpWithin, cancellationToken);
    }

    private static string Nothing(McpToolCall call)
    {
        if (call.Arguments.Text(Lease) is { } lease)
            return $"There is no lease '{lease}' in use here{(call.Arguments.Text(Worker) is { } of ? $" of worker '{of}'" : "")}: it has ended, or was never yours. Allocate anew with allocate_batch_resources.";
        if (call.Arguments.Text(Worker) is { } worker)
            return $"Worker '{worker}' holds no lease: allocate one with allocate_batch_resources.";
        return call.Session is null
            ? $"It is not clear whose resource this means: give '{Worker}' or '{Lease}'."
            : $"Nothing was allocated in this session: give '{Worker}' or '{Lease}', or allocate with allocate_batch_resources.";
    }

    private static string Listed(List<Held> held) => held.Count == 0 ? "" : $" There are: {string.Join(", ", held.Take(20).Select(one => one.Named))}{(held.Count > 20 ? ", …" : "")}.";
}
