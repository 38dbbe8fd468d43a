using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Server.Mcp.Tools;

namespace Weir.Server.Mcp.Lifecycle;

/// <summary>Allocates for a tool call: tells how the wait goes, binds the lease to the session, and keeps nothing that the client cannot learn of.</summary>
internal sealed class Allocation(ILeaseBroker broker)
{
    private const double UsualTimeout = 600;

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TellAtLeastEvery = TimeSpan.FromSeconds(10);

    public async Task<LeaseAnswer> AllocateAsync(McpToolCall call, IReadOnlyList<LeaseDemand> demands, CancellationToken cancellationToken)
    {
        var wait = TimeSpan.FromSeconds(call.Arguments.Number("timeout") ?? UsualTimeout);
        string? waiting = null;
        var request = new LeaseRequest
        {
            WorkerId = call.Arguments.Required("worker_id"),
            Demands = demands,
            Wait = wait,
            OnWaiting = id => Volatile.Write(ref waiting, id),
        };
        if (call.Arguments.Number("ttl") is { } ttl) request = request with { Ttl = TimeSpan.FromSeconds(ttl) };

        var allocating = broker.AllocateAsync(call.Asker, request, cancellationToken);
        if (call.WantsProgress) await ReportAsync(call, allocating, () => Volatile.Read(ref waiting), wait, cancellationToken);
        var answer = await allocating;
        if (answer.Lease is not { } lease) return answer;
        if (!call.Post.TryTell(lease.Value.Id, lease.Value.FenceOf(lease.Version)))
        {
            await broker.AbandonAsync(lease.Value.Id, lease.Value.FenceOf(lease.Version));
            throw new OperationCanceledException("The client has left.");
        }

        call.Session?.Owns(lease.Value.Id);
        return answer;
    }

    private async Task ReportAsync(McpToolCall call, Task<LeaseAnswer> allocating, Func<string?> waiting, TimeSpan wait, CancellationToken cancellationToken)
    {
        var began = call.Time.GetTimestamp();
        var told = began;
        int? last = null;
        while (!allocating.IsCompleted)
        {
            if (waiting() is { } id && broker.PositionOf(id) is { } position && (position != last || call.Time.GetElapsedTime(told) >= TellAtLeastEvery))
            {
                (last, told) = (position, call.Time.GetTimestamp());
                await call.ReportAsync((float)call.Time.GetElapsedTime(began).TotalSeconds, (float)wait.TotalSeconds, $"Waiting: number {position} of those who wait.", cancellationToken);
            }

            await Task.WhenAny(allocating, Task.Delay(LookEvery, call.Time, cancellationToken));
        }
    }
}
