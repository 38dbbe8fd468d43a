using ModelContextProtocol.Protocol;
using Weir.Server.Keys;

namespace Weir.Server.Mcp.Transport;

/// <summary>One POST: who sent it, in which session, and what must be given back if the answer cannot be read.</summary>
internal sealed class McpCall(Caller caller, McpSession? session)
{
    private const string Key = "weir.call";
    private const string RefusalKey = "weir.refusal";

    private readonly Lock _gate = new();
    private readonly List<(string Lease, long Fence)> _granted = [];
    private bool _left;

    public Caller Caller => caller;

    /// <summary>Null: the client has none, and every request stands alone.</summary>
    public McpSession? Session => session;

    /// <summary>The call that a message came with.</summary>
    public static McpCall Of(JsonRpcMessage message) => (McpCall)message.Context!.Items![Key]!;

    public void AttachTo(JsonRpcMessage message) => ItemsOf(message)[Key] = this;

    /// <summary>Marks the call of a tool whose arguments cannot be handed to it. It is answered by the tool's failing, as every call is.</summary>
    /// <param name="message">The call, without the arguments.</param>
    /// <param name="sentence">What is wrong with them.</param>
    public static void Refuse(JsonRpcMessage message, string sentence) => ItemsOf(message)[RefusalKey] = sentence;

    /// <returns>Null: it may be made.</returns>
    public static string? RefusalOf(JsonRpcMessage message) => message.Context?.Items?.TryGetValue(RefusalKey, out var sentence) is true ? (string?)sentence : null;

    /// <summary>The answer is about to tell of a lease.</summary>
    /// <returns>False: nobody will read it.</returns>
    public bool TryTell(string lease, long fence)
    {
        lock (_gate)
        {
            if (!_left) _granted.Add((lease, fence));
            return !_left;
        }
    }

    /// <summary>The client has left for good.</summary>
    /// <returns>The leases that it was to be told of.</returns>
    public IReadOnlyList<(string Lease, long Fence)> Leave()
    {
        lock (_gate)
        {
            if (_left) return [];
            _left = true;
            return _granted;
        }
    }

    private static IDictionary<string, object?> ItemsOf(JsonRpcMessage message)
    {
        message.Context ??= new JsonRpcMessageContext();
        return message.Context.Items ??= new Dictionary<string, object?>(StringComparer.Ordinal);
    }
}
