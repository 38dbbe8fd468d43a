using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Weir.Server.Endpoints;
using Weir.Server.Keys;
using Weir.Server.Mcp.Catalogs;
using Weir.Server.Mcp.Fixtures;
using Weir.Server.Mcp.Lifecycle;
using Weir.Server.Mcp.Tools;
using Weir.Server.Mcp.Transport;

namespace Weir.Server.Mcp;

/// <summary>Joins MCP to the server. It needs leases, retrieval and keys to be there.</summary>
internal static class McpSetup
{
    /// <param name="services">The server's.</param>
    /// <param name="fixtures">Also offer the tools, resources and prompts of the public conformance suite.</param>
    public static void AddMcp(this IServiceCollection services, bool fixtures)
    {
        services.AddSingleton(new McpFixtures(fixtures));
        services.AddSingleton<McpSessions>();
        services.AddHostedService(provider => provider.GetRequiredService<McpSessions>());
        services.AddSingleton<McpEventBudget>();
        services.AddSingleton<McpMetrics>();
        services.AddSingleton<McpServers>();
        services.AddSingleton<McpLostAnswers>();
        services.AddSingleton<McpEndpoint>();

        services.AddSingleton<HoldingChoice>();
        services.AddSingleton<Allocation>();
        services.AddSingleton<Lifecycle.Setup>();
        services.AddSingleton<McpToolbox>();
        services.AddSingleton<McpTool, AllocateBatchTool>();
        services.AddSingleton<McpTool, AllocateSingleTool>();
        services.AddSingleton<McpTool, SetupBatchTool>();
        services.AddSingleton<McpTool, SetupRagTool>();
        services.AddSingleton<McpTool, ObservationsTool>();
        services.AddSingleton<McpTool, ReleaseBatchTool>();
        services.AddSingleton<McpTool, RenewLeaseTool>();
        services.AddSingleton<McpTool, SearchToolsTool>();
    }

    public static void MapMcp(this WebApplication app)
    {
        var endpoint = app.Services.GetRequiredService<McpEndpoint>();
        app.MapPost("/mcp", endpoint.PostAsync).Requires(Role.Worker).Describe("MCP over Streamable HTTP: one JSON-RPC message, in a session or by itself.");
        app.MapGet("/mcp", endpoint.GetAsync).Requires(Role.Worker).Describe("MCP: listens in a session, or reads an answer on after a broken connection.");
        app.MapDelete("/mcp", endpoint.DeleteAsync).Requires(Role.Worker).Describe("MCP: ends a session and gives back what was allocated in it.", null, 204);
    }
}
