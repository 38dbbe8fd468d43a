namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>A server's tools as far as they can be used.</summary>
/// <param name="Tools">Under their names there.</param>
/// <param name="Notes">What was left out or bent, a sentence each.</param>
internal sealed record McpListing(IReadOnlyList<ToolDefinition> Tools, IReadOnlyList<string> Notes);
