using ModelContextProtocol.Protocol;
using Weir.Server.Mcp.Tools;

namespace Weir.Server.Mcp.Lifecycle;

/// <summary>How one entry of a batch went.</summary>
internal sealed record EntryOutcome(bool Success, string Message);

/// <summary>How a batch went, entry by entry.</summary>
internal sealed record BatchOutcome
{
    private BatchOutcome(IReadOnlyDictionary<string, EntryOutcome> details) => Details = details;

    /// <summary><c>success</c>, or <c>partial_error</c> where any entry failed.</summary>
    public string Status => Details.Values.All(one => one.Success) ? "success" : "partial_error";

    public IReadOnlyDictionary<string, EntryOutcome> Details { get; }

    /// <summary>Null: of a batch whose entries are no ids.</summary>
    public IReadOnlyList<string>? FailedIds { get; private init; }

    /// <summary>Why this way of asking should be left. Null: it should not.</summary>
    public string? Warning { get; private init; }

    /// <summary>The whole as a result, which is marked as a failure where any entry failed.</summary>
    public static CallToolResult ToResult(IReadOnlyDictionary<string, EntryOutcome> details, bool byId = false, string? warning = null)
    {
        var failed = details.Where(one => !one.Value.Success).Select(one => one.Key).ToList();
        return McpResults.Structured(new BatchOutcome(details) { FailedIds = byId ? failed : null, Warning = warning }, failed.Count > 0);
    }
}
