using ModelContextProtocol.Client;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>Ways to MCP servers.</summary>
internal interface IMcpTransports
{
    /// <summary>A new way to a server; nothing has been said yet.</summary>
    /// <exception cref="McpFaultException">There is none, and why.</exception>
    McpChannel Open(Documents.McpSource source);
}

/// <summary>A way to one server, and how to end it.</summary>
internal abstract class McpChannel(IClientTransport transport) : IAsyncDisposable
{
    /// <summary>For the client.</summary>
    public IClientTransport Transport { get; } = transport;

    /// <summary>What is known of why it ended, in a sentence without secrets. Null: nothing.</summary>
    public virtual string? Fate => null;

    /// <summary>Has someone told whenever announcements stopped coming, where that does not end it.</summary>
    public virtual void OnInterrupted(Action tell)
    {
    }

    /// <summary>Ends it, whatever the server does.</summary>
    public abstract ValueTask DisposeAsync();
}
