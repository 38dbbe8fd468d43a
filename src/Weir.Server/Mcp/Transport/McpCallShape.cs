using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace Weir.Server.Mcp.Transport;

/// <summary>Calls of tools whose parts are of another type than the protocol has them, of which the SDK only says that an error occurred.</summary>
internal static class McpCallShape
{
    /// <summary>Looks at a message. Where only a tool's arguments are at fault, it is the tool that fails: the call goes on without them, and says so.</summary>
    /// <param name="message">As it was read; its params hold no text that is none.</param>
    /// <returns>Null: it may be handed on.</returns>
    public static McpFault? FaultOf(JsonRpcMessage message)
    {
        if (message is not JsonRpcRequest { Method: "tools/call" } call) return null;
        if (call.Params is not JsonObject given) return Refused("params takes an object with 'name' and 'arguments'");
        try
        {
            if (given["name"] is not JsonValue name || name.GetValueKind() != JsonValueKind.String) return Refused("params.name takes the name of a tool, as tools/list gives it");
            if (given["arguments"] is null or JsonObject) return null;
        }
        catch (ArgumentException)
        {
            return Refused("params has the same field twice");
        }

        given.Remove("arguments");
        McpCall.Refuse(message, "'arguments' takes an object.");
        return null;
    }

    private static McpFault Refused(string fault) => new(400, (int)McpErrorCode.InvalidParams, $"The message is no call: {fault}.");
}
