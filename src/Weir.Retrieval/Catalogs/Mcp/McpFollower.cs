using Microsoft.Extensions.Logging;
using Weir.Retrieval.Catalogs.Documents;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>Keeps up with one server for as long as it is told to: connects, reads the list, reads it again when it changes, and comes back after every fault.</summary>
internal sealed partial class McpFollower(
    IMcpTransports transports, McpSource source, CatalogLimits catalog, McpLimits limits, CatalogMetrics metrics, TimeProvider time, Random random, ILogger logger)
{
    /// <param name="report">Told of each change, one at a time.</param>
    /// <param name="cancellationToken">Ends it: the only way that it ends.</param>
    public async Task FollowAsync(Action<McpReport> report, CancellationToken cancellationToken)
    {
        var failures = 0;
        using var followed = metrics.Follow();
        while (true)
        {
            try
            {
                var session = await McpSession.OpenAsync(transports, source, catalog, limits, time, cancellationToken).ConfigureAwait(false);
                await using (session.ConfigureAwait(false))
                {
                    while (true)
                    {
                        var listing = await session.ListAsync(cancellationToken).ConfigureAwait(false);
                        if (failures > 0)
                            LogBack(source.Name, listing.Tools.Count);
                        failures = 0;
                        Report(new McpReport(McpSourceState.Connected, null, listing));
                        await Task.Delay(limits.RefreshApart, time, cancellationToken).ConfigureAwait(false);
                        await session.WaitAsync(limits.RefreshEvery, cancellationToken).ConfigureAwait(false);
                    }
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (McpFaultException fault)
            {
                Report(new McpReport(McpSourceState.Failed, fault.Message, null));
                LogAway(source.Name, fault.Message);
            }
            catch (Exception fault)
            {
                Report(new McpReport(McpSourceState.Failed, "It could not be followed; the log of the server says more.", null));
                LogFailed(fault, source.Name);
            }

            try
            {
                await Task.Delay(Pause(failures++), time, cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }

        void Report(McpReport what)
        {
            followed.Reported(what.State);
            report(what);
        }
    }

    // Several servers that went away together do not come back together.
    private TimeSpan Pause(int failures)
    {
        var pause = limits.FirstPause * Math.Pow(2, Math.Min(failures, 20));
        return (pause < limits.LongestPause ? pause : limits.LongestPause) * (0.5 + random.NextDouble());
    }

    [LoggerMessage(EventId = 416, EventName = "McpServerAway", Level = LogLevel.Warning, Message = "MCP server {Server} is away and is tried again: {Reason}")]
    private partial void LogAway(string server, string reason);

    [LoggerMessage(EventId = 417, EventName = "McpServerBack", Level = LogLevel.Information, Message = "MCP server {Server} is back with {Tools} tools")]
    private partial void LogBack(string server, int tools);

    [LoggerMessage(EventId = 418, EventName = "McpServerFailed", Level = LogLevel.Error, Message = "MCP server {Server} could not be followed, and is tried again")]
    private partial void LogFailed(Exception fault, string server);
}

/// <summary>What has become of a server.</summary>
/// <param name="State">How it is.</param>
/// <param name="Error">Why it failed. Null: it did not.</param>
/// <param name="Listing">Its tools, read just now. Null: they were not.</param>
internal sealed record McpReport(McpSourceState State, string? Error, McpListing? Listing);
