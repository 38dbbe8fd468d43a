using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Weir.Server.Mcp.Fixtures;
using Weir.Server.Mcp.Tools;
using Weir.Server.Mcp.Transport;
using Weir.Server.Observability;
using Weir.State;

namespace Weir.Server.Mcp;

/// <summary>What every MCP server of this replica offers: one for each session, and one for each request without.</summary>
internal sealed partial class McpServers
{
    private readonly McpToolbox _tools;
    private readonly McpSessions _sessions;
    private readonly McpMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<McpServers> _log;
    private readonly McpServerOptions _options;

    public McpServers(McpToolbox tools, McpSessions sessions, McpMetrics metrics, McpFixtures fixtures, TimeProvider time, ILogger<McpServers> log)
    {
        (_tools, _sessions, _metrics, _time, _log) = (tools, sessions, metrics, time, log);
        _options = new McpServerOptions
        {
            ServerInfo = new Implementation { Name = "weir", Title = "Weir", Version = WeirVersion.Text },
            ServerInstructions =
                "Resources are leased: call allocate_batch_resources with your worker_id and the kinds that you need, use them by the tools of their kinds, "
                + "and give them back with release_batch_resources. A lease ends by itself when it is not used for its ttl; every use renews it.",
            ScopeRequests = false,
            Capabilities = new ServerCapabilities { Tools = new ToolsCapability { ListChanged = true } },
            Handlers = new McpServerHandlers { ListToolsHandler = ListAsync, CallToolHandler = CallAsync, SubscriptionsListenHandler = ListenAsync },
        };
        fixtures.AddTo(_options);
    }

    // No logger: the SDK writes a line for each message at information, and what fails is logged here.
    public McpServer Create(ITransport transport) => McpServer.Create(transport, _options);

    private ValueTask<ListToolsResult> ListAsync(RequestContext<ListToolsRequestParams> request, CancellationToken cancellationToken) =>
        ValueTask.FromResult(new ListToolsResult { Tools = [.. _tools.For(McpCall.Of(request.JsonRpcRequest).Caller).Select(tool => tool.Definition)] });

    private async ValueTask<CallToolResult> CallAsync(RequestContext<CallToolRequestParams> request, CancellationToken cancellationToken)
    {
        var post = McpCall.Of(request.JsonRpcRequest);
        var tool = _tools.Find(request.Params.Name, post.Caller)
            ?? throw new McpProtocolException($"There is no tool '{Short(request.Params.Name)}' here, or this key may not use its kind; tools/list names those that it may.", McpErrorCode.InvalidParams);
        var result = McpCall.RefusalOf(request.JsonRpcRequest) is { } refusal
            ? McpResults.Failed($"{tool.Definition.Name}: {refusal}")
            : await CallAsync(tool, new McpToolCall(post, request, _time), cancellationToken);
        _metrics.Called(tool.Definition.Name, result.IsError is true);
        return result;
    }

    private async Task<CallToolResult> CallAsync(McpTool tool, McpToolCall call, CancellationToken cancellationToken)
    {
        try
        {
            if (ArgumentCheck.FaultOf(tool.Definition.InputSchema, call.Arguments.All) is { } fault)
                return McpResults.Failed($"{tool.Definition.Name}: {fault}");
            return await tool.CallAsync(call, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (McpProtocolException)
        {
            throw;
        }
        catch (StoreUnavailableException away)
        {
            LogStoreAway(away, tool.Definition.Name);
            return McpResults.Failed("The state store cannot be reached, so that nothing can be leased or given back now. Try again in some seconds.");
        }
        catch (Exception fault)
        {
            LogFault(fault, tool.Definition.Name);
            return McpResults.Failed($"Weir failed to do this; its log says why, under the tool's name {tool.Definition.Name}.");
        }
    }

    /// <summary>Tells a client without a session of changed tools, for as long as it listens.</summary>
    private async ValueTask<EmptyResult> ListenAsync(RequestContext<SubscriptionsListenRequestParams> request, CancellationToken cancellationToken)
    {
        var caller = McpCall.Of(request.JsonRpcRequest).Caller;
        var granted = request.Params.Notifications.ToolsListChanged is true;
        if (granted && _sessions.TryTake(caller) is { } full) throw new McpProtocolException(full.Message, McpErrorCode.InvalidRequest);
        try
        {
            var meta = request.JsonRpcRequest.Id.Id is long number ? JsonValue.Create(number) : JsonValue.Create(request.JsonRpcRequest.Id.ToString());
            JsonObject Parameters() => new() { ["_meta"] = new JsonObject { [MetaKeys.SubscriptionId] = meta.DeepClone() } };

            // Heard before it is acknowledged, so that no change falls in between.
            using var changes = granted ? _tools.Subscribe() : null;
            var acknowledged = Parameters();
            acknowledged["notifications"] = granted ? new JsonObject { ["toolsListChanged"] = true } : [];
            await request.Server.SendNotificationAsync(NotificationMethods.SubscriptionsAcknowledgedNotification, acknowledged, McpJsonUtilities.DefaultOptions, cancellationToken);
            if (changes is null) return new EmptyResult();

            using var until = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _sessions.Stopping);
            try
            {
                while (true)
                {
                    await changes.WaitAsync(until.Token);
                    await request.Server.SendNotificationAsync(NotificationMethods.ToolListChangedNotification, Parameters(), McpJsonUtilities.DefaultOptions, until.Token);
                }
            }
            catch (OperationCanceledException) when (_sessions.Stopping.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                return new EmptyResult();
            }
        }
        finally
        {
            if (granted) _sessions.GiveBack(caller.KeyId);
        }
    }

    private static string Short(string text) => text.Length <= 80 ? text : text[..80] + "…";

    [LoggerMessage(1, LogLevel.Error, "The MCP tool {Tool} failed.", EventName = "mcp_tool_failed")]
    private partial void LogFault(Exception fault, string tool);

    [LoggerMessage(2, LogLevel.Warning, "The MCP tool {Tool} could not reach the state store.", EventName = "mcp_store_away")]
    private partial void LogStoreAway(Exception fault, string tool);
}
