using System.Collections.Frozen;
using Microsoft.Extensions.Logging;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Server.Keys;
using Weir.Server.Mcp.Fixtures;
using Weir.Server.Mcp.Transport;

namespace Weir.Server.Mcp.Tools;

/// <summary>The tools that there are: Weir's own, and those of the kinds that exist now.</summary>
internal sealed partial class McpToolbox : IDisposable
{
    private readonly FrozenDictionary<string, McpTool> _own;
    private readonly ResourceKinds _sorts;
    private readonly IFleetView _fleet;
    private readonly HoldingChoice _holdings;
    private readonly McpSessions _sessions;
    private readonly ILogger<McpToolbox> _log;
    private readonly Lock _gate = new();
    private readonly HashSet<Changes> _subscribers = [];
    private volatile ToolsOfKinds _kinds = ToolsOfKinds.None;

    public McpToolbox(IEnumerable<McpTool> own, McpFixtures fixtures, ResourceKinds sorts, IFleetView fleet, HoldingChoice holdings, McpSessions sessions, ILogger<McpToolbox> log)
    {
        (_sorts, _fleet, _holdings, _sessions, _log) = (sorts, fleet, holdings, sessions, log);
        _own = own.Concat(fixtures.Tools).ToFrozenDictionary(tool => tool.Definition.Name, StringComparer.Ordinal);
        fleet.Changed += Look;
        Look();
    }

    /// <summary>What a caller may use, in the order of names.</summary>
    public IEnumerable<McpTool> For(Caller caller) =>
        _own.Values.Concat(_kinds.Tools.Values).Where(tool => tool.IsOffered(caller)).OrderBy(tool => tool.Definition.Name, StringComparer.Ordinal);

    /// <returns>Null: there is none, or not for this caller.</returns>
    public McpTool? Find(string name, Caller caller) =>
        (_own.TryGetValue(name, out var tool) || _kinds.Tools.TryGetValue(name, out tool)) && tool.IsOffered(caller) ? tool : null;

    /// <summary>From now on, until it is disposed.</summary>
    public Changes Subscribe()
    {
        var changes = new Changes(this);
        lock (_gate) _subscribers.Add(changes);
        return changes;
    }

    public void Dispose() => _fleet.Changed -= Look;

    // Called for each step of the feed, by its reader: the kinds of a fleet are few, and seldom change.
    private void Look()
    {
        var names = _fleet.Kinds.Select(kind => kind.Value.Name).ToArray();
        if (_kinds.Names.AsSpan().SequenceEqual(names)) return;
        var before = _kinds;
        _kinds = Make(names);
        if (before.Tools.Keys.ToHashSet(StringComparer.Ordinal).SetEquals(_kinds.Tools.Keys)) return;
        foreach (var session in _sessions.All) session.ToolsChanged();
        lock (_gate)
        {
            foreach (var subscriber in _subscribers) subscriber.Signal();
        }
    }

    private ToolsOfKinds Make(string[] names)
    {
        var tools = new Dictionary<string, McpTool>(StringComparer.Ordinal);
        foreach (var sort in names.GroupBy(ResourceKinds.SortOf, StringComparer.Ordinal).OrderBy(sort => sort.Key, StringComparer.Ordinal))
        {
            if (_sorts.Of(sort.Key) is not { } kind) continue;
            foreach (var tool in kind.Tools)
            {
                if (_own.ContainsKey(tool.Name) || !tools.TryAdd(tool.Name, new ResourceTool(sort.Key, [.. sort], tool, _holdings)))
                    LogHidden(tool.Name, sort.Key);
            }
        }

        return new ToolsOfKinds(names, tools.ToFrozenDictionary(StringComparer.Ordinal));
    }

    private sealed record ToolsOfKinds(string[] Names, FrozenDictionary<string, McpTool> Tools)
    {
        public static readonly ToolsOfKinds None = new([], FrozenDictionary<string, McpTool>.Empty);
    }

    /// <summary>Tells one listener that the tools have changed.</summary>
    internal sealed class Changes(McpToolbox toolbox) : IDisposable
    {
        private readonly SemaphoreSlim _pending = new(0, 1);
        private int _isPending;

        public async Task WaitAsync(CancellationToken cancellationToken)
        {
            await _pending.WaitAsync(cancellationToken);
            Volatile.Write(ref _isPending, 0);
        }

        public void Signal()
        {
            if (Interlocked.Exchange(ref _isPending, 1) == 0) _pending.Release();
        }

        public void Dispose()
        {
            lock (toolbox._gate) toolbox._subscribers.Remove(this);
            _pending.Dispose();
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The tool {Tool} of the kind {Kind} is not offered over MCP: its name is taken.", EventName = "mcp_tool_hidden")]
    private partial void LogHidden(string tool, string kind);
}
