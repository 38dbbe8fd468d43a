using System.Text.Json.Serialization.Metadata;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace Weir.Server.Mcp.Transport;

/// <summary>How MCP's messages are read and written.</summary>
internal static class McpJson
{
    public static readonly JsonTypeInfo<JsonRpcMessage> Message = Of<JsonRpcMessage>();

    public static readonly JsonTypeInfo<JsonRpcError> Error = Of<JsonRpcError>();

    public static readonly JsonTypeInfo<CancelledNotificationParams> Cancelled = Of<CancelledNotificationParams>();

    public static readonly JsonTypeInfo<InitializeRequestParams> Initialize = Of<InitializeRequestParams>();

    private static JsonTypeInfo<T> Of<T>() => (JsonTypeInfo<T>)McpJsonUtilities.DefaultOptions.GetTypeInfo(typeof(T));
}
