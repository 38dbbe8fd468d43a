using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;

namespace Weir.Tests.Leases.Broker;

/// <summary>The documents of a fleet after one commit, and what must hold of them after every one.</summary>
internal sealed class FleetState
{
    public Dictionary<string, Stored<LeaseRecord>> Leases { get; } = [];

    public Dictionary<string, Stored<ResourceRecord>> Resources { get; } = [];

    private readonly Dictionary<string, long> _fences = [];

    public int Grants { get; private set; }

    public IEnumerable<Stored<LeaseRecord>> Live => Leases.Values.Where(lease => !lease.Value.HasEnded);

    /// <summary>A snapshot begins: what happened before it is not known, only that fences grow.</summary>
    public void Clear()
    {
        Leases.Clear();
        Resources.Clear();
    }

    public void Put(string key, Document? document)
    {
        if (key.StartsWith(LeaseDocuments.Leases, StringComparison.Ordinal))
        {
            var id = key[LeaseDocuments.Leases.Length..];
            if (document is null)
                Leases.Remove(id);
            else
                Leases[id] = new Stored<LeaseRecord>(LeaseDocuments.ReadLease(document.Body.Span)!, document.Version);
        }
        else if (key.StartsWith(LeaseDocuments.Resources, StringComparison.Ordinal))
        {
            var record = LeaseDocuments.ReadResource(document!.Body.Span)!;
            var before = Resources.GetValueOrDefault(record.Id);
            Resources[record.Id] = new Stored<ResourceRecord>(record, document.Version);
            if (record.State != ResourceState.Leased)
                return;
            // A resource goes from free to leased, and under a higher fence each time: never from one lease to another.
            before?.Value.State.ShouldBe(ResourceState.Free, $"{record.Id} was given to {record.Lease} while {before?.Value.Lease} had it");
            if (before is not null)
                document.Version.ShouldBeGreaterThan(_fences.GetValueOrDefault(record.Id));
            document.Version.ShouldBeGreaterThanOrEqualTo(_fences.GetValueOrDefault(record.Id));
            _fences[record.Id] = document.Version;
            Grants++;
        }
    }

    public void ShouldHold(int? perWorker = null)
    {
        foreach (var (record, version) in Resources.Values)
        {
            (record.Lease is not null).ShouldBe(record.State == ResourceState.Leased, record.Id);
            if (record.Lease is not { } id)
                continue;
            var lease = Leases.GetValueOrDefault(id).ShouldNotBeNull($"{record.Id} names {id}, which is not there");
            lease.Value.State.ShouldBeOneOf(LeaseState.Granted, LeaseState.Ready);
            lease.Value.FenceOf(lease.Version).ShouldBe(version, $"the fence of {id} over {record.Id}");
            lease.Value.Holdings.ShouldContain(holding => holding.Resource == record.Id);
        }

        foreach (var lease in Leases.Values)
        {
            if (lease.Value.State == LeaseState.Waiting)
                lease.Value.Holdings.ShouldBeEmpty();
            if (lease.Value.State is not (LeaseState.Granted or LeaseState.Ready))
                continue;
            lease.Value.Holdings.ShouldNotBeEmpty();
            foreach (var holding in lease.Value.Holdings)
                Resources[holding.Resource].Value.Lease.ShouldBe(lease.Value.Id);
        }

        if (perWorker is { } limit)
        {
            foreach (var worker in Leases.Values.Where(lease => lease.Value.State is LeaseState.Granted or LeaseState.Ready).GroupBy(lease => lease.Value.WorkerId))
                worker.Sum(lease => lease.Value.Holdings.Count(holding => holding.Kind == "slot")).ShouldBeLessThanOrEqualTo(limit, $"slots of worker {worker.Key}");
        }
    }
}
