namespace Weir.Server.Mcp.Transport;

/// <summary>Names of the Streamable HTTP transport, and the revisions of the protocol that are spoken here.</summary>
internal static class McpProtocol
{
    public const string SessionId = "Mcp-Session-Id";
    public const string Version = "MCP-Protocol-Version";
    public const string LastEventId = "Last-Event-ID";
    public const string Method = "Mcp-Method";
    public const string Name = "Mcp-Name";

    // The first revision without sessions: each request says what its client is.
    private const string StandsAlone = "2026-07-28";

    public static readonly IReadOnlyList<string> Versions = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", StandsAlone];

    public static bool IsSpoken(string version) => Versions.Contains(version, StringComparer.Ordinal);

    /// <summary>Revisions are named by their date.</summary>
    public static bool IsWithoutSessions(string? version) => string.CompareOrdinal(version, StandsAlone) >= 0;
}
