using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.State;
using Weir.Tests.Inference.Limits;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Broker;

/// <summary>Brokers over one store, and workers who do to them what workers do; all by chance.</summary>
internal sealed class AttackedFleet(IStateStore store, ManualTimeProvider time, Random random) : IAsyncDisposable
{
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan LongestTtl = TimeSpan.FromSeconds(20);

    private readonly List<(LeaseReplica Replica, SharedStore Store)> _brokers = [];
    private readonly List<LeaseReplica> _dead = [];
    private readonly List<(Task<LeaseAnswer> Task, CancellationTokenSource Client)> _asking = [];
    private readonly List<Stored<LeaseRecord>> _held = [];
    private readonly List<Task> _loose = [];
    private int _names;

    public long Revision => _brokers.Max(broker => broker.Replica.View.Revision);

    public async Task StartAsync()
    {
        var shared = new SharedStore(store, new Random(random.Next())) { Unanswered = 0.1 };
        var replica = await LeaseReplica.StartAsync(shared, time, $"r{_names++}");
        var slow = new Random(random.Next());
        replica.Desk.Initialising = (_, token) =>
        {
            int roll;
            lock (slow)
                roll = slow.Next(10);
            return roll switch
            {
                0 => Task.FromException(new IOException("broken")),
                < 4 => Task.Delay(TimeSpan.FromSeconds(roll * 2), time, token),
                _ => Task.CompletedTask,
            };
        };
        _brokers.Add((replica, shared));
    }

    public async Task ActAsync()
    {
        Collect();
        var (replica, shared) = _brokers[random.Next(_brokers.Count)];
        var lease = _held.Count > 0 ? _held[random.Next(_held.Count)] : null;
        switch (random.Next(20))
        {
            case < 6:
                Ask(replica);
                break;
            case < 9 when lease is not null:
                _held.Remove(lease);
                Loose(replica.Broker.ReleaseAsync(LeaseReplica.Asker, lease.Value.Id, random.Next(2) == 0 ? null : lease.Value.FenceOf(lease.Version), null, default));
                break;
            case 9 when lease is not null:
                Loose(replica.Broker.ReleaseAsync(LeaseReplica.Asker, lease.Value.Id, null, [lease.Value.Holdings[0].Resource], default));
                break;
            case 10 or 11 when lease is not null:
                Loose(replica.Broker.RenewAsync(LeaseReplica.Asker, lease.Value.Id, lease.Value.FenceOf(lease.Version), null, default));
                break;
            case 12 when _asking.Count > 0:
                await _asking[random.Next(_asking.Count)].Client.CancelAsync();
                break;
            case 13:
                shared.IsAway = !shared.IsAway && random.Next(2) == 0;
                break;
            case 14 when random.Next(4) == 0:
                await KillAsync(replica);
                await StartAsync();
                break;
            case 15:
                time.JumpUtc(TimeSpan.FromHours(random.Next(-48, 48)));
                break;
            case 16 when lease is not null:
                Loose(replica.Broker.AbandonAsync(lease.Value.Id, lease.Value.FenceOf(lease.Version)));
                break;
            default:
                await PassAsync(TimeSpan.FromMilliseconds(random.Next(1, 2500)));
                break;
        }

        if (random.Next(2) == 0)
            await Task.Delay(1);
    }

    /// <summary>Every worker dies.</summary>
    public void Leave()
    {
        foreach (var (_, client) in _asking)
            client.Cancel();
        _held.Clear();
    }

    public void Recover()
    {
        foreach (var (_, shared) in _brokers)
            (shared.IsAway, shared.Unanswered) = (false, 0);
    }

    /// <summary>Time goes by, so slowly that whatever waits for it comes to its next wait.</summary>
    public async Task PassAsync(TimeSpan span)
    {
        for (var end = time.Elapsed + span; time.Elapsed < end;)
        {
            time.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Delay(1);
        }
    }

    public async Task ShouldServeAgainAsync()
    {
        foreach (var (replica, _) in _brokers)
        {
            var lease = await time.UntilAsync(replica.GotAsync(LeaseReplica.Request(("slot", 3)) with { WorkerId = "last" }));
            await replica.ReleaseAsync(lease);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _brokers.Select(broker => broker.Replica).Concat(_dead))
            await replica.DisposeAsync();
    }

    private void Ask(LeaseReplica replica)
    {
        var client = new CancellationTokenSource();
        var request = new LeaseRequest
        {
            WorkerId = $"w{random.Next(4)}",
            Demands = random.Next(3) switch
            {
                0 => [new LeaseDemand("slot", random.Next(1, 4), null)],
                1 => [new LeaseDemand("desk", random.Next(1, 3), null)],
                _ => [new LeaseDemand("slot", random.Next(1, 3), null), new LeaseDemand("desk", random.Next(1, 3), null)],
            },
            Ttl = TimeSpan.FromSeconds(random.Next(1, (int)LongestTtl.TotalSeconds + 1)),
            Wait = TimeSpan.FromSeconds(random.Next(0, (int)LongestWait.TotalSeconds + 1)),
            Priority = random.Next(10),
            IdempotencyKey = random.Next(3) == 0 ? $"key{random.Next(5)}" : null,
            Asynchronous = random.Next(6) == 0,
            KeepPartial = random.Next(4) == 0,
        };
        _asking.Add((replica.Broker.AllocateAsync(LeaseReplica.Asker, request, client.Token), client));
    }

    private void Collect()
    {
        foreach (var asked in _asking.Where(asked => asked.Task.IsCompleted).ToList())
        {
            _asking.Remove(asked);
            if (asked.Task.IsCompletedSuccessfully && asked.Task.Result.Lease is { Value.HasEnded: false } lease)
            {
                if (lease.Value.State == LeaseState.Ready)
                    _held.Add(lease);
            }
            else if (asked.Task.Exception?.InnerException is { } fault and not StoreUnavailableException)
            {
                throw fault;
            }
        }

        foreach (var task in _loose.Where(task => task.IsCompleted).ToList())
        {
            _loose.Remove(task);
            if (task.Exception?.InnerException is { } fault and not StoreUnavailableException)
                throw fault;
        }
    }

    private void Loose(Task task) => _loose.Add(task);

    private async Task KillAsync(LeaseReplica replica)
    {
        var broker = _brokers.First(one => one.Replica == replica);
        _brokers.Remove(broker);
        // What it has under way finds no store any more, for ever.
        broker.Store.IsAway = true;
        _dead.Add(replica);
        await replica.DisposeAsync();
    }
}
