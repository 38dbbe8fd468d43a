using System.Collections.Concurrent;

namespace Weir.EndToEnd.Leases;

/// <summary>Who believes to hold what, told by the holders themselves: never two at a time, and each with a higher fence than the one before.</summary>
internal sealed class HoldersLedger
{
    private readonly Lock _sync = new();
    private readonly Dictionary<string, Holder> _holders = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _wrong = new();

    public int Grants { get; private set; }

    public IReadOnlyCollection<string> Wrong => _wrong;

    /// <summary>When the last of those who were never released is over.</summary>
    public DateTimeOffset LastEnd
    {
        get
        {
            lock (_sync)
                return _holders.Values.Where(holder => !holder.HasLetGo).Select(holder => holder.Until).DefaultIfEmpty().Max();
        }
    }

    public void Granted(HeldLease lease)
    {
        var now = TimeProvider.System.GetUtcNow();
        lock (_sync)
        {
            foreach (var resource in lease.Resources)
            {
                if (_holders.TryGetValue(resource.Id, out var before) && before.Lease != lease.Id)
                {
                    if (before.Fence >= lease.Fence)
                        _wrong.Enqueue($"{resource.Id} came to {lease.Id} under {lease.Fence}, after {before.Lease} under {before.Fence}");
                    if (!before.HasLetGo && before.Until > now)
                        _wrong.Enqueue($"{resource.Id} came to {lease.Id} while {before.Lease} holds it for another {(before.Until - now).TotalMilliseconds:0} ms");
                }

                _holders[resource.Id] = new Holder(lease.Id, lease.Fence, lease.ExpiresAt);
            }

            Grants++;
        }
    }

    public void Renewed(HeldLease lease, DateTimeOffset until) => Change(lease, holder => holder with { Until = until });

    /// <summary>Before the release is sent: from then on it is not believed to be held.</summary>
    public void LetGo(HeldLease lease) => Change(lease, holder => holder with { HasLetGo = true });

    private void Change(HeldLease lease, Func<Holder, Holder> change)
    {
        lock (_sync)
        {
            foreach (var resource in lease.Resources)
            {
                if (_holders.TryGetValue(resource.Id, out var holder) && holder.Lease == lease.Id)
                    _holders[resource.Id] = change(holder);
            }
        }
    }

    private sealed record Holder(string Lease, long Fence, DateTimeOffset Until, bool HasLetGo = false);
}
