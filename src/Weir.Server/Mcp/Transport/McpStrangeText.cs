using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using Weir.State.Texts;

namespace Weir.Server.Mcp.Transport;

/// <summary>Messages that hold what is no text, which the SDK reads and cannot hand on.</summary>
internal static class McpStrangeText
{
    /// <summary>Looks at a message. Where only a tool's arguments are at fault, it is the tool that fails: the call goes on without them, and says so.</summary>
    /// <param name="message">As it was read; its params are replaced where they are at fault.</param>
    /// <param name="json">The same, as it came.</param>
    /// <returns>Null: it may be handed on.</returns>
    public static McpFault? FaultOf(JsonRpcMessage message, JsonElement json)
    {
        if (ForeignJson.FaultOf(json) is not { } fault) return null;
        if (message is not JsonRpcRequest { Method: "tools/call" } call || ParamsOf(json) is not { ValueKind: JsonValueKind.Object } given) return Refused(fault);
        var parameters = new JsonObject();
        JsonFault? arguments = null;
        foreach (var member in given.EnumerateObject())
        {
            if (JsonMarshal.GetRawUtf8PropertyName(member).SequenceEqual("arguments"u8)) arguments = ForeignJson.FaultOf(member);
            else if (ForeignJson.FaultOf(member) is { } other) return Refused(other with { Path = other.Path.Length == 0 ? "params" : $"params.{other.Path}" });
            else parameters[member.Name] = JsonSerializer.SerializeToNode(member.Value);
        }

        // Not in params: nothing that is read.
        if (arguments is null) return Refused(fault);
        call.Params = parameters;
        McpCall.Refuse(message, arguments.SentenceOf("the call"));
        return null;
    }

    private static McpFault Refused(JsonFault fault) => new(400, (int)McpErrorCode.InvalidParams, fault.SentenceOf("The message"));

    private static JsonElement? ParamsOf(JsonElement json)
    {
        foreach (var member in json.EnumerateObject())
        {
            if (JsonMarshal.GetRawUtf8PropertyName(member).SequenceEqual("params"u8)) return member.Value;
        }

        return null;
    }
}
