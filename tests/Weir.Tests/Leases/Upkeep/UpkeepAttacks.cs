using System.Collections.Concurrent;
using Weir.Leases;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.Tests.Flow;
using Weir.Tests.Inference.Limits;

namespace Weir.Tests.Leases.Upkeep;

/// <summary>Two replicas, changing definitions, leases that come and go, and kinds that fail, hang and finish late, over a store that loses answers.</summary>
public sealed class UpkeepAttacks
{
    [Fact]
    public Task RandomSchedule_WhateverFails_EveryResourceIsAlwaysInOneStateAndComesBack() => RandomSchedule.RunAsync(8, AttackAsync);

    private static async Task AttackAsync(Random random)
    {
        await using var fleet = new UpkeepFleet();
        var world = new Dictionary<string, BoxKind> { ["a"] = new(), ["b"] = new() };
        var stores = world.ToDictionary(entry => entry.Key, _ => new SharedStore(fleet.Store, new Random(random.Next())));
        var replicas = new Dictionary<string, UpkeepReplica>();
        var gates = new ConcurrentQueue<TaskCompletionSource>();
        var isWild = true;
        // Kinds work on threads of their own.
        var wild = new Random(random.Next());
        var dirty = new ConcurrentDictionary<string, bool>();
        foreach (var home in world.Keys)
        {
            Unleash(world[home], home);
            await StartAsync(home);
        }

        var cellVersion = 0;
        // Until the home has looked, such a one may still be said to be free.
        var lost = new HashSet<string>();
        await PutAsync("box", new KindOptions { Capacity = 3, Warm = 1, ResetWithin = TimeSpan.FromSeconds(20) });
        await PutAsync("cell", new KindOptions { Capacity = 4, ResetWithin = TimeSpan.FromSeconds(20) });
        var leases = new List<(string Id, List<string> Resources)>();
        var (capacity, warm) = (3, 1);
        for (var step = 0; step < 120; step++)
        {
            foreach (var store in stores.Values)
                store.Unanswered = random.Next(3) == 0 ? 0.2 : 0;
            switch (random.Next(10))
            {
                case 0:
                    capacity = random.Next(0, 6);
                    warm = random.Next(0, capacity + 1);
                    await PutAsync("box", new KindOptions { Capacity = capacity, Warm = warm, Size = random.Next(3) == 0 ? "800x600" : null, ResetWithin = TimeSpan.FromSeconds(20) });
                    break;
                case 1:
                    await PutAsync("cell", new KindOptions { Capacity = random.Next(1, 7), Program = (++cellVersion).ToString(System.Globalization.CultureInfo.InvariantCulture), ResetWithin = TimeSpan.FromSeconds(20) });
                    break;
                case 2 or 3 or 4:
                    await LeaseAsync();
                    break;
                case 5 or 6 when leases.Count > 0:
                    var lease = leases[random.Next(leases.Count)];
                    leases.Remove(lease);
                    foreach (var cell in lease.Resources.Where(id => id.StartsWith("cell", StringComparison.Ordinal)))
                        dirty[cell] = true;
                    await fleet.ReleaseAsync(lease.Id, replicas.Values.ElementAt(random.Next(replicas.Count)));
                    break;
                case 7 when gates.TryDequeue(out var gate):
                    gate.TrySetResult();
                    break;
                case 8 when random.Next(4) == 0:
                    var home = random.Next(2) == 0 ? "a" : "b";
                    await fleet.StopAsync(replicas[home]);
                    // What a desktop's guard would not have survived, did not.
                    foreach (var id in world[home].Standing.Keys.Where(_ => random.Next(3) == 0))
                    {
                        world[home].Standing.TryRemove(id, out _);
                        lost.Add(id);
                    }

                    world[home] = Again(world[home], home);
                    await StartAsync(home);
                    break;
                default:
                    await fleet.PassAsync(TimeSpan.FromMilliseconds(random.Next(1, 4000)));
                    break;
            }

            await CheckAsync();
        }

        // Peace: everything that hung ends, and nothing fails any more.
        isWild = false;
        foreach (var store in stores.Values)
            store.Unanswered = 0;
        while (gates.TryDequeue(out var gate))
            gate.TrySetResult();
        foreach (var (id, resources) in leases)
        {
            foreach (var cell in resources.Where(each => each.StartsWith("cell", StringComparison.Ordinal)))
                dirty[cell] = true;
            await fleet.ReleaseAsync(id, replicas["a"]);
        }

        await PutAsync("box", new KindOptions { Capacity = 4, Warm = 2, ResetWithin = TimeSpan.FromSeconds(20) });
        await PutAsync("cell", new KindOptions { Capacity = 4, ResetWithin = TimeSpan.FromSeconds(20) });
        await fleet.UntilAsync(IsCalm);
        await CheckAsync();
        foreach (var (home, boxes) in world)
            boxes.Standing.Keys.Order().ShouldBe(fleet.View.Resources("box").Where(resource => resource.Value.Home == home).Select(resource => resource.Value.Instance?.Id).OfType<string>().Order(), "what stands is what is named");
        fleet.View.Resources("cell").ShouldAllBe(resource => !dirty.ContainsKey(resource.Value.Id));

        bool IsCalm()
        {
            while (gates.TryDequeue(out var gate))
                gate.TrySetResult();
            var boxes = fleet.View.Resources("box");
            return boxes.Count == 8 && fleet.View.Resources("cell").Count == 4 && fleet.View.Resources().All(resource => resource.Value.State == ResourceState.Free)
                && world.Keys.All(home => boxes.Count(resource => resource.Value.Home == home && resource.Value.Instance is not null) is >= 2)
                && world.All(entry => entry.Value.Standing.Count == boxes.Count(resource => resource.Value.Home == entry.Key && resource.Value.Instance is not null));
        }

        async Task StartAsync(string home)
        {
            replicas[home] = await fleet.StartAsync(home, random.Next(), world[home], stores[home]);
            replicas[home].Cells.Cleaning = async (resource, token) =>
            {
                (await fleet.ReadAsync(resource.Resource.Id))!.Value.State.ShouldNotBe(ResourceState.Leased, "a leased one is never reset");
                var error = await WildAsync(token);
                if (error is null)
                    dirty.TryRemove(resource.Resource.Id, out _);
                return error;
            };
            replicas[home].Cells.Health = (_, token) => WildAsync(token);
        }

        // The same world seen by another run.
        BoxKind Again(BoxKind before, string home)
        {
            var boxes = new BoxKind();
            foreach (var (id, resource) in before.Standing)
                boxes.Standing[id] = resource;
            Unleash(boxes, home);
            return boxes;
        }

        void Unleash(BoxKind boxes, string home)
        {
            boxes.Making = (resource, token) =>
            {
                resource.Resource.Home.ShouldBe(home);
                return WildAsync(token);
            };
            boxes.Ending = async (_, token) =>
            {
                if (await WildAsync(token) is { } error)
                    throw new InvalidOperationException(error.Message);
            };
            boxes.Health = (_, token) => WildAsync(token);
        }

        async Task<LeaseError?> WildAsync(CancellationToken token)
        {
            int chance;
            lock (wild)
                chance = wild.Next(isWild ? 12 : 1);
            switch (chance)
            {
                case 1 or 2:
                    return new LeaseError(502, "failed", "It failed.");
                case 3:
                    throw new InvalidOperationException("It broke.");
                case 4:
                    // Hangs, and does not listen.
                    var gate = new TaskCompletionSource();
                    gates.Enqueue(gate);
                    await gate.Task;
                    return null;
                case 5:
                    await Task.Delay(TimeSpan.FromSeconds(30), fleet.Time, token);
                    return null;
                default:
                    return null;
            }
        }

        async Task PutAsync(string name, KindOptions options)
        {
            var error = (await replicas["a"].Desk.PutAsync(name, options, default)).Error;
            error?.Code.ShouldBe("conflict");
        }

        async Task LeaseAsync()
        {
            var free = (await fleet.AllAsync()).Where(record => record.State == ResourceState.Free).ToArray();
            if (free.Length == 0)
                return;
            random.Shuffle(free);
            string[] picked = [.. free.Take(random.Next(1, 3)).Select(record => record.Id)];
            foreach (var id in picked)
                dirty.ShouldNotContainKey(id, "a free one is clean");
            if (await fleet.LeaseAsync(picked) is { } lease)
                leases.Add((lease.Value.Id, [.. picked]));
        }

        async Task CheckAsync()
        {
            foreach (var record in await fleet.AllAsync())
            {
                (record.State == ResourceState.Leased).ShouldBe(record.Lease is not null, record.ToString());
                if (record.State == ResourceState.Free)
                    (record.Claim is null && record.Reason is null && record.RetryAt is null && record.Failures == 0 && !record.Held).ShouldBeTrue(record.ToString());
                if (record.State == ResourceState.Quarantined)
                    record.Reason.ShouldNotBeNull();
                // What was read a moment ago may have been claimed and ended since.
                if (record is { State: ResourceState.Free, Instance: { } instance } && !lost.Contains(instance.Id) && !world[record.Home!].Standing.ContainsKey(instance.Id))
                    (await fleet.ReadAsync(record.Id))?.Value.ShouldNotBe(record, "a free one's instance stands");
            }
        }
    }
}
