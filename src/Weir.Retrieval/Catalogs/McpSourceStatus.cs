namespace Weir.Retrieval.Catalogs;

/// <summary>How one MCP server of a catalog is.</summary>
public sealed record McpSourceStatus
{
    /// <summary>As the catalog calls it.</summary>
    public required string Name { get; init; }

    public required McpSourceState State { get; init; }

    /// <summary>Why it failed, in a sentence; it is tried again by itself. Null: nothing is wrong.</summary>
    public string? Error { get; init; }

    /// <summary>The tools it had when its list was last read.</summary>
    public int Tools { get; init; }

    /// <summary>When its list was last read, to about 5 minutes. Null: never yet.</summary>
    public DateTimeOffset? RefreshedAt { get; init; }

    /// <summary>What was wrong with its list, a sentence each: those tools were left out or bent. At most 20.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>Whether an MCP server answers.</summary>
public enum McpSourceState
{
    /// <summary>It is being connected for the first time.</summary>
    Connecting,

    /// <summary>Its list is up to date.</summary>
    Connected,

    /// <summary>It is away; its last good list keeps answering, and it is tried again.</summary>
    Failed,
}
