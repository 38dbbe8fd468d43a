namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>How patient and how generous one is with an MCP server. A test may set them lower.</summary>
internal sealed record McpLimits
{
    /// <summary>From the start of a program, or the first connection, to the end of the handshake. Long enough for a package that is fetched first.</summary>
    public TimeSpan ConnectWithin { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>How long a whole list may take, all pages together.</summary>
    public TimeSpan ListWithin { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a program may take to leave after its standard input was closed; then it is killed with all it started.</summary>
    public TimeSpan LeaveWithin { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How often the list is read though no change was announced, which also shows that the server is alive.</summary>
    public TimeSpan RefreshEvery { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The least time between two readings, however often a change is announced.</summary>
    public TimeSpan RefreshApart { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Before a server that failed is tried again; doubled each time up to <see cref="LongestPause"/>, give or take a half.</summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan LongestPause { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>What one message may take.</summary>
    public int MessageBytes { get; init; } = 16 << 20;

    /// <summary>What all pages of a list may take.</summary>
    public long ListBytes { get; init; } = 64L << 20;

    /// <summary>Pages of one list.</summary>
    public int Pages { get; init; } = 1_000;

    /// <summary>Sentences about a list that are kept.</summary>
    public int Notes { get; init; } = 20;
}
