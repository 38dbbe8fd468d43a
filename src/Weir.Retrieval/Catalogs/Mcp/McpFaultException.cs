namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>What an MCP server did wrong, as a sentence for whoever runs it. An <see cref="IOException"/>, so that it passes through streams as what it is.</summary>
internal sealed class McpFaultException(string message, Exception? inner = null) : IOException(message, inner);
