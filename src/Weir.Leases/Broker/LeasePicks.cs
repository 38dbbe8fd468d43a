using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.State.Replicas;

namespace Weir.Leases.Broker;

/// <summary>Decides on the view who may be granted what by this replica. All of it under the view's lock, and in memory.</summary>
internal sealed class LeasePicks(FleetView view, IHomes homes, ReplicaView replicas, LeaseClients clients, LeaseKeys keys, IServiceProvider services)
{
    // A waiter of nobody's is granted by one replica at a time, and by the next if that one does not come to it.
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(5);

    // Instances stand on the view, and are asked for when they are first needed.
    private readonly Lazy<IInstances?> _instances = new(services.GetService<IInstances>);
    private readonly Func<string, bool> _isThere = homes.IsThere;
    private readonly Func<string, bool> _answers = homes.Answers;
    private readonly Func<string, bool> _anotherAnswers = home => home != homes.Own && homes.Answers(home);

    private FleetTables Tables => view.Tables;

    /// <summary>Grants what can be granted of those who wait. One whose wait is over is ended by and by, and gets nothing any more.</summary>
    public List<Grant> GrantWaiting(DateTimeOffset now)
    {
        var grants = new List<Grant>();
        lock (view.Sync)
        {
            if (Tables.Line.Count == 0)
                return grants;
            var supplies = Tables.Line.Kinds.Select(kind => new KindSupply(kind, Free(kind), Tables.Line.Of(kind).Count)).ToList();
            foreach (var waiter in LeasePlan.Of(Tables.Line.InOrder, supplies, waiter => waiter.Record.EndsAt > now && Counts(waiter)))
            {
                if (IsOurs(waiter.Record, now) && Pick(waiter, waiter.Lease.Version, isStored: true) is { } grant)
                    grants.Add(grant);
            }
        }

        return grants;
    }

    /// <summary>Grants a request before it waits, if nobody who waits comes before it.</summary>
    /// <param name="lease">The request.</param>
    /// <param name="expected">The version that its document has; 0: none.</param>
    public Grant? GrantArrival(LeaseRecord lease, long expected)
    {
        var arrival = new Waiter(new Stored<LeaseRecord>(lease, 0));
        lock (view.Sync)
        {
            return !IsOverQuota(lease, arrival) && LeasePlan.MayGoFirst(arrival, Free, Tables.Line.Of, Counts) ? Pick(arrival, expected, isStored: false) : null;
        }
    }

    /// <summary>The quota of its own that keeps a lease from its turn now. Null: there is none.</summary>
    public QuotaInTheWay? QuotaOf(LeaseRecord lease)
    {
        var waiter = new Waiter(new Stored<LeaseRecord>(lease, 0));
        // One that is being granted here counts as held itself.
        lock (view.Sync)
            return Tables.IsUnderway(lease.Id) ? null : QuotaOf(lease, waiter);
    }

    /// <summary>A grant is over: what it did not take may be picked again.</summary>
    public void End(Grant grant, GrantResult? result)
    {
        var unspent = result?.End is GrantEnd.Ready ? [] : grant.Picks.Select(pick => pick.Resource).Where(pick => result?.LostKeys.Contains(LeaseDocuments.Resources + pick.Value.Id) is not true);
        lock (view.Sync)
            Tables.End(grant.Lease.Id, unspent);
    }

    private int Free(string kind) => Tables.Pool(kind).Free(HomesFor(kind));

    /// <summary>Where resources of a kind may be picked. What a former run has left here is nobody's before it is known what of it still stands.</summary>
    private Func<string, bool> HomesFor(string kind) => _instances.Value?.AreKnown(kind) is false ? _anotherAnswers : _answers;

    private Grant? Pick(Waiter waiter, long expected, bool isStored)
    {
        var share = Share();
        var byKind = new Dictionary<string, Queue<FleetResource>>(waiter.Needs.Length, StringComparer.Ordinal);
        foreach (var need in waiter.Needs)
        {
            if (Tables.Pool(need.Kind).Pick(need.Count, homes.Own, HomesFor(need.Kind), share) is not { } picked)
                return null;
            byKind.Add(need.Kind, new Queue<FleetResource>(picked));
        }

        Tables.Begin(waiter.Record, byKind.Values.SelectMany(picked => picked));
        var picks = new List<GrantPick>();
        for (var i = 0; i < waiter.Record.Demands.Count; i++)
        {
            var demand = waiter.Record.Demands[i];
            for (var n = 0; n < demand.Count; n++)
                picks.Add(new GrantPick(byKind[demand.Kind].Dequeue().Stored, Tables.Kinds[demand.Kind], i));
        }

        return new Grant(waiter.Record, expected, isStored, picks);
    }

    /// <summary>Whether a waiter is served, by whichever replica, when its turn comes. One that is being granted here has what it needs already.</summary>
    private bool Counts(Waiter waiter)
    {
        var lease = waiter.Record;
        // What a key that is gone were granted, nobody could use, or give back.
        if (Tables.IsUnderway(lease.Id) || keys.SeemsGone(lease) || IsOverQuota(lease, waiter))
            return false;
        // More than there is by now, and maybe for ever: nobody else is to wait behind that.
        foreach (var need in waiter.Needs)
        {
            if (Tables.Pool(need.Kind).Usable(_isThere) < need.Count)
                return false;
        }

        return lease.Replica is not { } replica || (replica == replicas.Id ? clients.IsHere(lease.Id) : IsAlive(replica));
    }

    private bool IsOurs(LeaseRecord lease, DateTimeOffset now)
    {
        if (lease.Replica is { } replica)
            return replica == replicas.Id;
        var ids = replicas.Current.Ids;
        var turn = StableHash.Of(lease.Id) + (ulong)Math.Max(0, (now - lease.AskedAt) / Turn);
        return ids.Count <= 1 || ids[(int)(turn % (ulong)ids.Count)] == replicas.Id;
    }

    private bool IsAlive(string replica)
    {
        foreach (var id in replicas.Current.Ids)
        {
            if (id == replica)
                return true;
        }

        return false;
    }

    private ReplicaShare Share()
    {
        var ids = replicas.Current.Ids;
        for (var i = 0; i < ids.Count; i++)
        {
            if (ids[i] == replicas.Id)
                return new ReplicaShare(i, ids.Count);
        }

        return new ReplicaShare(0, 1);
    }

    private bool IsOverQuota(LeaseRecord lease, Waiter waiter) => QuotaOf(lease, waiter) is not null;

    private QuotaInTheWay? QuotaOf(LeaseRecord lease, Waiter waiter)
    {
        foreach (var need in waiter.Needs)
        {
            if (Tables.Kinds.GetValueOrDefault(need.Kind)?.Options.Limits is not { } limits)
                continue;
            if (limits.PerWorker is { } perWorker && Tables.Held.OfWorker(need.Kind, lease.Tenant, lease.WorkerId) is var ofWorker && ofWorker + need.Count > perWorker)
                return new QuotaInTheWay(need.Kind, need.Count, ofWorker, perWorker, "worker");
            if (limits.PerKey is { } perKey && Tables.Held.OfKey(need.Kind, lease.KeyId) is var ofKey && ofKey + need.Count > perKey)
                return new QuotaInTheWay(need.Kind, need.Count, ofKey, perKey, "key");
        }

        return null;
    }
}
