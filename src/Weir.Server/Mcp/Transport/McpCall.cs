using ModelContextProtocol.Protocol;
using Weir.Server.Keys;

namespace Weir.Server.Mcp.Transport;

/// <summary>One POST: who sent it, in which session, and what must be given back if the answer cannot be read.</summary>
internal sealed class McpCall(Caller caller, McpSession? session)
{
    private const string Key = "weir.call";

    private readonly Lock _gate = new();
    private readonly List<(string Lease, long Fence)> _granted = [];
    private bool _left;

    public Caller Caller => caller;

    /// <summary>Null: the client has none, and every request stands alone.</summary>
    public McpSession? Session => session;

    /// <summary>The call that a message came with.</summary>
    public static McpCall Of(JsonRpcMessage message) => (McpCall)message.Context!.Items![Key]!;

    public void AttachTo(JsonRpcMessage message)
    {
        message.Context ??= new JsonRpcMessageContext();
        message.Context.Items ??= new Dictionary<string, object?>(StringComparer.Ordinal);
        message.Context.Items[Key] = this;
    }

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
}
