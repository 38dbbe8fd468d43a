using System.Diagnostics.Metrics;
using Weir.Server.Mcp.Transport;

namespace Weir.Server.Mcp;

/// <summary>MCP in numbers. Tools are those that exist, so their names are few.</summary>
internal sealed class McpMetrics
{
    private readonly Counter<long> _calls;
    private readonly Counter<long> _deprecated;

    public McpMetrics(IMeterFactory meters, McpSessions sessions, McpEventBudget events)
    {
        var meter = meters.Create("Weir.Mcp");
        _calls = meter.CreateCounter<long>("weir.mcp.tool_calls", "{call}", "Tools that were called over MCP, by tool and by outcome (ok, error).");
        _deprecated = meter.CreateCounter<long>("weir.mcp.deprecated_calls", "{call}", "Calls of tools that are kept for older clients alone, by tool.");
        meter.CreateObservableUpDownCounter("weir.mcp.sessions", () => sessions.Count, "{session}", "MCP sessions, and streams of clients without one, on this replica.");
        meter.CreateObservableUpDownCounter("weir.mcp.kept_events", () => events.Taken, "By", "What is kept so that MCP clients can read on after a broken connection.");
    }

    public void Called(string tool, bool failed) => _calls.Add(1, new("tool", tool), new("outcome", failed ? "error" : "ok"));

    public void Deprecated(string tool) => _deprecated.Add(1, new KeyValuePair<string, object?>("tool", tool));
}
