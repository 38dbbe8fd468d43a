namespace Weir.Retrieval.Catalogs;

/// <summary>The bounds of catalogs. A test may set them lower.</summary>
public sealed record CatalogLimits
{
    /// <summary>Tools in one catalog.</summary>
    public int Tools { get; init; } = 20_000;

    /// <summary>What one tool may take as JSON.</summary>
    public int ToolBytes { get; init; } = 64 << 10;

    /// <summary>What all tools of a catalog may take as JSON.</summary>
    public long CatalogBytes { get; init; } = 256L << 20;

    /// <summary>Catalogs that one tenant, or all tenants together, may have.</summary>
    public int Catalogs { get; init; } = 200;

    /// <summary>MCP servers behind one catalog.</summary>
    public int Sources { get; init; } = 16;

    /// <summary>MCP servers that one tenant may have connected, over all its catalogs.</summary>
    public int TenantSources { get; init; } = 32;

    /// <summary>What the indexes of all catalogs may hold in memory: above it, the least recently used go and come back when asked for.</summary>
    public long IndexBytes { get; init; } = 1L << 30;

    /// <summary>An index that nobody has asked for so long goes. Those that all tenants share stay.</summary>
    public TimeSpan IndexIdle { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How long a change waits for its index before it answers that it is still being built.</summary>
    public TimeSpan IndexWithin { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After how long an index without vectors is tried again; doubled each time, up to 5 minutes.</summary>
    public TimeSpan VectorsAgain { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a list that was replaced stays for whoever is reading it.</summary>
    public TimeSpan BlobsKept { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>After how long a list that no catalog came to name is removed.</summary>
    public TimeSpan DraftsKept { get; init; } = TimeSpan.FromHours(1);
}
