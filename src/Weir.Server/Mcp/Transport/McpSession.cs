using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.WebUtilities;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Weir.Server.Mcp.Transport;

/// <summary>One client's session, from its initialize to its end. It belongs to the key that began it.</summary>
internal sealed class McpSession : IAsyncDisposable
{
    private static readonly byte[] ListChanged = """{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"""u8.ToArray();

    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _closed = new();
    private readonly ConcurrentDictionary<string, byte> _leases = new(StringComparer.Ordinal);

    // Room for one: that the tools have changed is true however often they have.
    private readonly Channel<bool> _toolsChanged = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Task _run;
    private readonly McpServer _server;
    private CancellationTokenSource? _listener;
    private int _active;
    private long _lastUsed;
    private bool _ended;

    public McpSession(string id, string keyId, StreamableHttpServerTransport transport, McpServer server, McpEvents events, TimeProvider time)
    {
        (Id, KeyId, Transport, _server, Events, _time) = (id, keyId, transport, server, events, time);
        _lastUsed = time.GetTimestamp();
        Closed = _closed.Token;
        _run = server.RunAsync(Closed);
    }

    /// <summary>256 random bits: whoever knows it, and the key, is the client.</summary>
    public string Id { get; }

    public string KeyId { get; }

    public StreamableHttpServerTransport Transport { get; }

    public McpEvents Events { get; }

    public CancellationToken Closed { get; }

    /// <summary>The leases that were allocated in it, ended ones perhaps among them.</summary>
    public ICollection<string> Leases => _leases.Keys;

    public static string NewId() => WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(32));

    public void Owns(string lease) => _leases.TryAdd(lease, 0);

    public void Forget(string lease) => _leases.TryRemove(lease, out _);

    /// <summary>False: it has ended. Each success is followed by one <see cref="Leave"/>.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            if (!_ended) _active++;
            return !_ended;
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            _active--;
            _lastUsed = _time.GetTimestamp();
        }
    }

    /// <summary>Ends it if nothing has been asked in it for so long.</summary>
    public bool TryExpire(TimeSpan idle)
    {
        lock (_gate)
        {
            if (_ended || _active > 0 || _time.GetElapsedTime(_lastUsed) < idle) return false;
            return _ended = true;
        }
    }

    public void ToolsChanged() => _toolsChanged.Writer.TryWrite(true);

    /// <summary>The client listens, until the token, the session's end, or until it listens again: whoever came later is the one that still is there.</summary>
    public async Task ListenAsync(McpAnswerStream answer, CancellationToken cancellationToken)
    {
        using var mine = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Closed);
        if (Interlocked.Exchange(ref _listener, mine) is { } before) await CancelAsync(before);
        var told = true;
        try
        {
            await answer.FlushAsync(mine.Token);
            while (await _toolsChanged.Reader.WaitToReadAsync(mine.Token))
            {
                told = !_toolsChanged.Reader.TryRead(out _);
                if (!told) await answer.WriteEventAsync(ListChanged, mine.Token);
                told = true;
            }
        }
        catch (OperationCanceledException) when (mine.IsCancellationRequested)
        {
            // Its end, whichever it was.
        }
        finally
        {
            // Whoever listens next is told.
            if (!told) ToolsChanged();
            Interlocked.CompareExchange(ref _listener, null, mine);
        }
    }

    /// <summary>Ends the handling of a request, as if its client had asked for that.</summary>
    public async Task CancelAsync(RequestId request, string reason)
    {
        var cancelled = new JsonRpcNotification
        {
            Method = NotificationMethods.CancelledNotification,
            Params = JsonSerializer.SerializeToNode(new CancelledNotificationParams { RequestId = request, Reason = reason }, McpJson.Cancelled),
        };
        try
        {
            await Transport.HandlePostRequestAsync(cancelled, Stream.Null, Closed);
        }
        catch (Exception ended) when (ended is OperationCanceledException or ObjectDisposedException or ChannelClosedException)
        {
            // The session has ended, and with it the request.
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate) _ended = true;
        try
        {
            await Transport.DisposeAsync();
            await _closed.CancelAsync();
            await _run;
        }
        catch (OperationCanceledException)
        {
            // That is how it ends.
        }
        finally
        {
            await _server.DisposeAsync();
            Events.Dispose();
            _closed.Dispose();
        }
    }

    private static async Task CancelAsync(CancellationTokenSource listener)
    {
        try
        {
            await listener.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // It has just ended by itself.
        }
    }
}
