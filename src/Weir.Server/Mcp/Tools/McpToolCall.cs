using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Weir.Leases.Broker;
using Weir.Server.Keys;
using Weir.Server.Leases;
using Weir.Server.Mcp.Transport;

namespace Weir.Server.Mcp.Tools;

/// <summary>One call of a tool.</summary>
internal sealed class McpToolCall(McpCall post, RequestContext<CallToolRequestParams> request, TimeProvider time)
{
    public Caller Caller => post.Caller;

    public LeaseAsker Asker { get; } = post.Caller.ToAsker();

    /// <summary>Null: the client has none.</summary>
    public McpSession? Session => post.Session;

    public McpCall Post => post;

    public TimeProvider Time => time;

    public ToolArguments Arguments { get; } = new(request.Params.Arguments);

    public RequestContext<CallToolRequestParams> Request => request;

    /// <summary>The client wants to be told how it goes.</summary>
    public bool WantsProgress => request.Params.ProgressToken is not null;

    /// <summary>Tells the client how it goes, if it wants to be told.</summary>
    public Task ReportAsync(float progress, float total, string message, CancellationToken cancellationToken) => request.Params.ProgressToken is { } token
        ? request.Server.NotifyProgressAsync(token, new ModelContextProtocol.ProgressNotificationValue { Progress = progress, Total = total, Message = message }, cancellationToken: cancellationToken)
        : Task.CompletedTask;
}
