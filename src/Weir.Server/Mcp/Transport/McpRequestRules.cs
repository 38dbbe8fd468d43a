using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace Weir.Server.Mcp.Transport;

/// <summary>What the transport asks of a request beside its message: its media types, and that headers and message agree.</summary>
internal static class McpRequestRules
{
    private static readonly string[] RemovedMethods = ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

    public static string VersionOf(HttpRequest request) => request.Headers[McpProtocol.Version].ToString();

    /// <summary>A client of 2026-07-28 or later: it has no session, and says in each request what it is.</summary>
    public static bool StandsAlone(HttpRequest request) => McpProtocol.IsWithoutSessions(VersionOf(request));

    public static bool Accepts(HttpRequest request, string mediaType)
    {
        foreach (var type in request.GetTypedHeaders().Accept)
        {
            if (type.Quality != 0 && type.MatchesMediaType(mediaType)) return true;
        }

        return false;
    }

    /// <summary>Null: the version is one that is spoken here, or none is named.</summary>
    public static McpFault? VersionFault(HttpRequest request)
    {
        var version = VersionOf(request);
        if (version.Length == 0 || McpProtocol.IsSpoken(version)) return null;
        var spoken = McpProtocol.Versions;
        return new McpFault(400, (int)McpErrorCode.UnsupportedProtocolVersion, $"The MCP-Protocol-Version '{Short(version)}' is not spoken here; these are: {string.Join(", ", spoken)}.")
        {
            Data = new JsonObject { ["supported"] = new JsonArray([.. spoken.Select(one => (JsonNode)one)]), ["requested"] = Short(version) },
        };
    }

    /// <summary>Null: headers and message agree, and nothing is missing.</summary>
    public static McpFault? MessageFault(HttpRequest request, JsonRpcMessage message)
    {
        var (method, parameters) = message switch
        {
            JsonRpcRequest asked => (asked.Method, asked.Params as JsonObject),
            JsonRpcNotification told => (told.Method, told.Params as JsonObject),
            _ => (null, null),
        };
        if (method is null) return null;

        var version = VersionOf(request);
        var meta = parameters?["_meta"] as JsonObject;
        var own = Text(meta?[MetaKeys.ProtocolVersion]);
        if (method == "initialize" && version.Length > 0 && Text(parameters?["protocolVersion"]) is { } wanted && wanted != version)
            return Mismatch($"The MCP-Protocol-Version header says '{version}', and params.protocolVersion says '{Short(wanted)}'.");
        if (!McpProtocol.IsWithoutSessions(version))
        {
            return McpProtocol.IsWithoutSessions(own)
                ? Mismatch($"params._meta says protocol version '{own}': send it as the MCP-Protocol-Version header too.")
                : null;
        }

        if (own is not null && own != version)
            return Mismatch($"The MCP-Protocol-Version header says '{version}', and params._meta says '{Short(own)}'.");
        if (Text(request.Headers[McpProtocol.Method].ToString()) is var named && named != method)
            return Mismatch(named is null ? $"The {McpProtocol.Method} header is missing: send '{Short(method)}'." : $"The {McpProtocol.Method} header says '{Short(named)}', and the message '{Short(method)}'.");
        if (NameIn(method, parameters) is { } name && Decoded(request.Headers[McpProtocol.Name].ToString().Trim()) is var told2 && told2 != name)
            return Mismatch(told2 is null or "" ? $"The {McpProtocol.Name} header is missing or cannot be read: send '{Short(name)}'." : $"The {McpProtocol.Name} header says '{Short(told2)}', and the message '{Short(name)}'.");
        if (message is not JsonRpcRequest) return null;

        if (own is null)
            return new McpFault(400, (int)McpErrorCode.InvalidParams, $"A request of protocol version '{version}' needs params._meta.'{MetaKeys.ProtocolVersion}'.");
        if (meta![MetaKeys.ClientCapabilities] is not JsonObject)
            return new McpFault(400, (int)McpErrorCode.InvalidParams, $"A request of protocol version '{version}' needs params._meta.'{MetaKeys.ClientCapabilities}', an object.");
        return RemovedMethods.Contains(method)
            ? new McpFault(404, (int)McpErrorCode.MethodNotFound, $"Protocol version '{version}' has no method '{method}'.")
            : null;
    }

    /// <summary>Null: a session can begin with it. Whatever else it asks for is the session's to judge.</summary>
    public static McpFault? InitializeFault(JsonRpcRequest message)
    {
        try
        {
            if (message.Params.Deserialize(McpJson.Initialize) is not null) return null;
        }
        catch (JsonException)
        {
            // Told below.
        }

        return new McpFault(400, (int)McpErrorCode.InvalidParams, "initialize takes params with 'protocolVersion', 'capabilities' and 'clientInfo': {\"name\", \"version\"}.");
    }

    /// <summary>The HTTP status of an error that is the whole answer, for clients that stand alone.</summary>
    public static int StatusOf(int code) => (McpErrorCode)code switch
    {
        McpErrorCode.MethodNotFound => StatusCodes.Status404NotFound,
        McpErrorCode.MissingRequiredClientCapability or McpErrorCode.UnsupportedProtocolVersion or McpErrorCode.HeaderMismatch => StatusCodes.Status400BadRequest,
        _ => StatusCodes.Status200OK,
    };

    private static McpFault Mismatch(string message) => new(400, (int)McpErrorCode.HeaderMismatch, message);

    private static string? NameIn(string method, JsonObject? parameters) => method switch
    {
        "tools/call" or "prompts/get" => Text(parameters?["name"]),
        "resources/read" => Text(parameters?["uri"]),
        _ => null,
    };

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) && text.Length > 0 ? text : null;

    // What is not plain ASCII comes as =?base64?…?=.
    private static string? Decoded(string header)
    {
        if (!header.StartsWith("=?base64?", StringComparison.Ordinal) || !header.EndsWith("?=", StringComparison.Ordinal) || header.Length < 11) return header;
        var bytes = new byte[header.Length];
        return Convert.TryFromBase64String(header[9..^2], bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length) : null;
    }

    private static string Short(string text) => text.Length <= 80 ? text : text[..80] + "…";
}

/// <summary>An answer to a request that never came to be handled.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The code of the JSON-RPC error.</param>
/// <param name="Message">What was wrong and what to do.</param>
internal sealed record McpFault(int Status, int Code, string Message)
{
    /// <summary>Of a fault of the transport, which JSON-RPC leaves to the server to name.</summary>
    public const int Transport = -32000;

    /// <summary>What clients take as the order to begin a new session.</summary>
    public const int SessionNotFound = -32001;

    public JsonObject? Data { get; init; }

    public TimeSpan? RetryAfter { get; init; }
}
