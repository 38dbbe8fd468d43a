using System.Globalization;
using Weir.Client.Wire;

namespace Weir.Client;

/// <summary>Tools, and search for the right one.</summary>
public sealed class CatalogsClient
{
    private readonly WeirConnection _connection;

    internal CatalogsClient(WeirConnection connection) => _connection = connection;

    /// <summary>Makes these the tools of a catalog, in place of those it had.</summary>
    public Task<CatalogInfo> PutToolsAsync(string catalog, IReadOnlyList<CatalogTool> tools, CancellationToken cancellationToken = default) => _connection.SendAsync(
        HttpMethod.Put, $"{At(catalog)}/tools", WeirContent.Json(tools, WeirJson.Default.IReadOnlyListCatalogTool), WeirJson.Default.CatalogInfo, cancellationToken);

    /// <summary>Makes the tools of a running MCP server those of a catalog; it follows them from then on.</summary>
    public Task<CatalogInfo> PutMcpAsync(string catalog, McpSource server, CancellationToken cancellationToken = default) => _connection.SendAsync(
        HttpMethod.Put, $"{At(catalog)}/tools", WeirContent.Json(new McpBody(server), WeirJson.Default.McpBody), WeirJson.Default.CatalogInfo, cancellationToken);

    /// <summary>Adds tools, each in the place of the one of its name; makes the catalog where there is none.</summary>
    /// <exception cref="WeirException">409: the catalog's tools are those of MCP servers.</exception>
    public Task<CatalogInfo> UpsertToolsAsync(string catalog, IReadOnlyList<CatalogTool> tools, CancellationToken cancellationToken = default) => _connection.SendAsync(
        HttpMethod.Post, $"{At(catalog)}/tools", WeirContent.Json(tools, WeirJson.Default.IReadOnlyListCatalogTool), WeirJson.Default.CatalogInfo, cancellationToken);

    /// <summary>Takes one tool out of a catalog.</summary>
    /// <exception cref="WeirException">404: there is none; 409: the catalog's tools are those of MCP servers.</exception>
    public Task DeleteToolAsync(string catalog, string tool, CancellationToken cancellationToken = default) =>
        _connection.SendAsync(HttpMethod.Delete, At(catalog, tool), null, WeirJson.Default.JsonElement, cancellationToken);

    /// <summary>This tenant's catalogs, and everybody's.</summary>
    public async Task<IReadOnlyList<CatalogInfo>> ListAsync(CancellationToken cancellationToken = default) =>
        (await _connection.SendAsync(HttpMethod.Get, "v1/catalogs", null, WeirJson.Default.ListOfCatalogInfo, cancellationToken).ConfigureAwait(false)).Data;

    public Task<CatalogInfo> GetAsync(string catalog, CancellationToken cancellationToken = default) =>
        _connection.SendAsync(HttpMethod.Get, At(catalog), null, WeirJson.Default.CatalogInfo, cancellationToken);

    /// <summary>A tool whole, for who is about to call it.</summary>
    public Task<CatalogTool> GetToolAsync(string catalog, string tool, CancellationToken cancellationToken = default) =>
        _connection.SendAsync(HttpMethod.Get, At(catalog, tool), null, WeirJson.Default.CatalogTool, cancellationToken);

    public Task DeleteAsync(string catalog, CancellationToken cancellationToken = default) =>
        _connection.SendAsync(HttpMethod.Delete, At(catalog), null, WeirJson.Default.JsonElement, cancellationToken);

    /// <summary>The tools that fit best first.</summary>
    /// <param name="catalog">Its name.</param>
    /// <param name="query">What is to be done, in words.</param>
    /// <param name="topK">At most so many. Null: 5.</param>
    /// <param name="category">Only of this one. Null: of any.</param>
    /// <param name="minScore">0 to 1; those below are left out. Null: none are.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<IReadOnlyList<ToolResult>> SearchAsync(
        string catalog, string query, int? topK = null, string? category = null, double? minScore = null, CancellationToken cancellationToken = default) =>
        (await _connection.SendAsync(
            HttpMethod.Post, $"{At(catalog)}/search", WeirContent.Json(new ToolSearch(query, topK, category, minScore), WeirJson.Default.ToolSearch),
            WeirJson.Default.ToolResults, cancellationToken).ConfigureAwait(false)).Results;

    /// <summary>The tools that are most like one, itself left out.</summary>
    public async Task<IReadOnlyList<ToolResult>> SimilarAsync(
        string catalog, string tool, int topK = 5, bool sameCategory = true, CancellationToken cancellationToken = default) =>
        (await _connection.SendAsync(
            HttpMethod.Get, string.Create(CultureInfo.InvariantCulture, $"{At(catalog, tool)}/similar?top_k={topK}&same_category={(sameCategory ? "true" : "false")}"),
            null, WeirJson.Default.ToolResults, cancellationToken).ConfigureAwait(false)).Results;

    private static string At(string catalog) => $"v1/catalogs/{Uri.EscapeDataString(catalog)}";

    private static string At(string catalog, string tool) => $"{At(catalog)}/tools/{Uri.EscapeDataString(tool)}";
}
