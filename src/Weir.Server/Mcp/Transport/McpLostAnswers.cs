using Microsoft.Extensions.Logging;
using ModelContextProtocol.Protocol;
using Weir.Leases.Broker;
using Weir.Server.Keys;
using Weir.Server.Leases;

namespace Weir.Server.Mcp.Transport;

/// <summary>
/// What becomes of a tool call whose client has left: one that can come back for its answer has 30 s to do so, and any other is over at once. What waits
/// is dropped then, and a lease that nobody was told of is given back.
/// </summary>
internal sealed partial class McpLostAnswers(ILeaseBroker broker, TimeProvider time, ILogger<McpLostAnswers> log)
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>Goes on by itself until the call is over; ends with its session at the latest.</summary>
    public void Follow(McpCall call, McpSession session, RequestId request) => _ = FollowAsync(call, session, request);

    /// <summary>Nobody will read the answer.</summary>
    public async Task AbandonAsync(McpCall call)
    {
        foreach (var (lease, fence) in call.Leave())
        {
            try
            {
                await broker.AbandonAsync(lease, fence);
            }
            catch (Exception fault)
            {
                LogNotGivenBack(fault, lease);
            }
        }
    }

    /// <summary>Gives back what was allocated in a session that its client has ended.</summary>
    public async Task ReleaseAsync(McpSession session, Caller caller)
    {
        await Task.WhenAll(session.Leases.Select(async lease =>
        {
            try
            {
                // One that has ended is no error.
                await broker.ReleaseAsync(caller.ToAsker(), lease, null, null, CancellationToken.None);
            }
            catch (Exception fault)
            {
                LogNotGivenBack(fault, lease);
            }
        }));
    }

    private async Task FollowAsync(McpCall call, McpSession session, RequestId request)
    {
        try
        {
            var stream = session.Events.Answering(request.ToString());
            var left = time.GetTimestamp();
            while (stream is { IsLost: false, IsFetched: false } && time.GetElapsedTime(left) < Patience && !session.Closed.IsCancellationRequested)
            {
                await Task.Delay(LookEvery, time, session.Closed);
                if (stream.IsRead) left = time.GetTimestamp();
            }

            if (stream is { IsFetched: true }) return;
            await session.CancelAsync(request, "The client has left and did not come back.");
        }
        catch (OperationCanceledException)
        {
            // The session has ended, and cancelled all of its calls.
        }
        catch (Exception fault)
        {
            LogFollowFailed(fault);
        }

        await AbandonAsync(call);
    }

    [LoggerMessage(1, LogLevel.Warning, "Lease {Lease} could not be given back for an MCP client that has left; it ends at the end of its ttl.", EventName = "mcp_lease_not_released")]
    private partial void LogNotGivenBack(Exception fault, string lease);

    [LoggerMessage(2, LogLevel.Error, "A call whose MCP client has left could not be followed to its end.", EventName = "mcp_follow_failed")]
    private partial void LogFollowFailed(Exception fault);
}
