using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Tests.Flow;
using Weir.Tests.Leases.Broker;

namespace Weir.Tests.Leases.Fleet;

public sealed class FleetTablesTests
{
    [Fact]
    public void Tables_RandomChanges_OfferExactlyWhatIsFreeAskedForAndUnspent() => RandomSchedule.Run(300, random =>
    {
        var tables = new FleetTables();
        var stored = new Dictionary<string, Stored<ResourceRecord>>();
        var spent = new Dictionary<string, long>();
        var underway = new List<(string Lease, List<Stored<ResourceRecord>> Picks)>();
        long version = 0;
        var capacity = 5;
        tables.Put(Kind(capacity, ++version));
        for (var step = 0; step < 80; step++)
        {
            var id = $"slot.{random.Next(8)}";
            switch (random.Next(6))
            {
                case 0 or 1:
                    var record = new ResourceRecord
                    {
                        Id = id, Kind = "slot", Slot = id[5..], State = (ResourceState)random.Next(4), Home = random.Next(3) == 0 ? "far" : null,
                        Instance = random.Next(2) == 0 ? new ResourceInstance("i", null) : null, Held = random.Next(3) == 0,
                    };
                    tables.Put(stored[id] = new Stored<ResourceRecord>(record, ++version));
                    spent.Remove(id);
                    break;
                case 2:
                    tables.RemoveResource(id);
                    stored.Remove(id);
                    spent.Remove(id);
                    break;
                case 3:
                    tables.Put(Kind(capacity = random.Next(1, 8), ++version));
                    break;
                case 4:
                    var count = random.Next(1, 4);
                    if (tables.Pool("slot").Pick(count, "near", _ => false, new ReplicaShare(random.Next(2), 2)) is { } picks)
                    {
                        picks.Count.ShouldBe(count);
                        picks.Distinct().Count().ShouldBe(count);
                        picks.ShouldAllBe(pick => pick.Record.Home == null);
                        picks.SkipWhile(pick => pick.IsWarm).ShouldAllBe(pick => !pick.IsWarm);
                        tables.Begin(Lease($"l{step}", count), picks);
                        underway.Add(($"l{step}", [.. picks.Select(pick => pick.Stored)]));
                        foreach (var pick in picks)
                            spent[pick.Record.Id] = pick.Stored.Version;
                    }
                    else
                    {
                        tables.Pool("slot").Free(_ => false).ShouldBeLessThan(count);
                    }

                    break;
                case 5 when underway.Count > 0:
                    var (lease, taken) = underway[random.Next(underway.Count)];
                    underway.RemoveAll(one => one.Lease == lease);
                    tables.End(lease, taken);
                    foreach (var pick in taken.Where(pick => spent.GetValueOrDefault(pick.Value.Id) == pick.Version))
                        spent.Remove(pick.Value.Id);
                    break;
            }

            bool IsOffered(Stored<ResourceRecord> resource) => resource.Value.State == ResourceState.Free && int.Parse(resource.Value.Slot) < capacity && !spent.ContainsKey(resource.Value.Id);
            tables.Pool("slot").Free(_ => true).ShouldBe(stored.Values.Count(IsOffered));
            tables.Pool("slot").Free(_ => false).ShouldBe(stored.Values.Count(resource => resource.Value.Home is null && IsOffered(resource)));
            tables.Pool("slot").Usable(_ => true).ShouldBe(stored.Values.Count(resource => !resource.Value.Held && int.Parse(resource.Value.Slot) < capacity));
            tables.Held.OfWorker("slot", "t", "w").ShouldBe(underway.Sum(one => one.Picks.Count));
        }
    });

    [Fact]
    public void Pick_TwoReplicas_TakeDifferentOnesWhileThereAreEnough()
    {
        var tables = new FleetTables();
        tables.Put(Kind(100, 1));
        for (var slot = 0; slot < 100; slot++)
            tables.Put(new Stored<ResourceRecord>(new ResourceRecord { Id = $"slot.{slot}", Kind = "slot", Slot = $"{slot}", State = ResourceState.Free }, 2 + slot));
        var first = tables.Pool("slot").Pick(30, "near", _ => false, new ReplicaShare(0, 2))!;
        var second = tables.Pool("slot").Pick(30, "near", _ => false, new ReplicaShare(1, 2))!;
        first.Intersect(second).ShouldBeEmpty();
        tables.Pool("slot").Pick(100, "near", _ => false, new ReplicaShare(1, 2))!.Count.ShouldBe(100);
        tables.Pool("slot").Pick(101, "near", _ => false, new ReplicaShare(1, 2)).ShouldBeNull();
    }

    [Fact]
    public void LeaseDocuments_ConfigOfManyResources_IsWrittenOnce()
    {
        var config = System.Text.Json.JsonDocument.Parse($$"""{"text":"{{new string('x', 60_000)}}"}""").RootElement;
        var lease = Lease("l", 256) with
        {
            Demands = [new LeaseDemand("slot", 256, config)],
            Holdings = [.. Enumerable.Range(0, 256).Select(i => new LeaseHolding($"slot.{i}", "slot", "slot", config) { Demand = i == 7 ? null : 0 })],
        };
        var body = LeaseDocuments.Write(lease);
        body.Length.ShouldBeLessThan(200_000);
        var read = LeaseDocuments.ReadLease(body)!;
        read.Holdings.ShouldAllBe(holding => holding.Config!.Value.GetRawText() == config.GetRawText());
        LeaseDocuments.ReadLease(LeaseDocuments.Write(lease with { Priority = 0 }))!.Priority.ShouldBe(0);
    }

    private static FleetKind Kind(int capacity, long version) => new(new Stored<KindRecord>(new KindRecord("slot", new KindOptions { Capacity = capacity }), version), SlotKind.Sort);

    private static LeaseRecord Lease(string id, int count) => new()
    {
        Id = id, Tenant = "t", KeyId = "k", WorkerId = "w", State = LeaseState.Waiting, Priority = 5, Ttl = TimeSpan.FromMinutes(1), Demands = [new LeaseDemand("slot", count, null)],
        AskedAt = DateTimeOffset.UnixEpoch, EndsAt = DateTimeOffset.UnixEpoch,
    };
}
