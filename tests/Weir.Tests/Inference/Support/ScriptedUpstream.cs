using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Support;

/// <summary>
/// A provider made of a bare socket, so that a test can do to a connection what no well-behaved server does: reset it, cut it in
/// the middle of an event, or keep silent. Each request is answered by the next step of the script, or by the last one for ever.
/// </summary>
internal sealed class ScriptedUpstream : IAsyncDisposable
{
    public const string Answer = """{"id":"1","choices":[{"message":{"role":"assistant","content":"hello"}}],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}""";

    private readonly TcpListener _listener = new(IPAddress.Loopback, FreePort.Next());
    private readonly Func<Exchange, Task>[] _script;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _next = -1;

    public ScriptedUpstream(params Func<Exchange, Task>[] script)
    {
        _script = script.Length > 0 ? script : [exchange => exchange.RespondAsync(200, Answer)];
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string BaseUrl => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/v1";

    public ConcurrentQueue<ReceivedRequest> Requests { get; } = new();

    public int Connections { get; private set; }

    /// <summary>Ends once a request has come in whole.</summary>
    public Task ReceivedAsync() => Eventually.TrueAsync(() => !Requests.IsEmpty);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var socket = await _listener.AcceptSocketAsync(_stop.Token);
                Connections++;
                _ = ServeAsync(socket);
            }
            catch (Exception fault) when (fault is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var stop = _stop.Token.Register(socket.Dispose);
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            while (await ReadRequestAsync(stream) is { } request)
            {
                Requests.Enqueue(request);
                var step = _script[Math.Min(Interlocked.Increment(ref _next), _script.Length - 1)];
                var exchange = new Exchange(socket, stream, request);
                await step(exchange);
                if (exchange.IsClosed)
                {
                    return;
                }
            }
        }
        catch (Exception fault) when (fault is IOException or SocketException or ObjectDisposedException)
        {
            // The gateway closed its side.
        }
    }

    private static async Task<ReceivedRequest?> ReadRequestAsync(NetworkStream stream)
    {
        var head = new List<byte>();
        var one = new byte[1];
        while (!(head.Count >= 4 && head[^4] == '\r' && head[^3] == '\n' && head[^2] == '\r' && head[^1] == '\n'))
        {
            if (await stream.ReadAsync(one) == 0)
            {
                return null;
            }

            head.Add(one[0]);
        }

        var lines = Encoding.ASCII.GetString([.. head]).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var headers = lines.Skip(1).Select(line => line.Split(": ", 2))
            .ToDictionary(parts => parts[0], parts => parts[1], StringComparer.OrdinalIgnoreCase);
        var body = new byte[int.Parse(headers.GetValueOrDefault("content-length", "0"))];
        await stream.ReadExactlyAsync(body);
        return new ReceivedRequest(lines[0].Split(' ')[1], headers, Encoding.UTF8.GetString(body)) { Method = lines[0].Split(' ')[0] };
    }
}

internal sealed record ReceivedRequest(string Path, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public required string Method { get; init; }
}

/// <summary>One request and the connection it came on.</summary>
internal sealed class Exchange(Socket socket, NetworkStream stream, ReceivedRequest request)
{
    public ReceivedRequest Request { get; } = request;

    public bool IsClosed { get; private set; }

    public Task RespondAsync(int status, string body, params string[] headers) =>
        SendAsync($"HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {Encoding.UTF8.GetByteCount(body)}\r\n{Lines(headers)}\r\n{body}");

    /// <summary>Sends the head of a stream; its events follow.</summary>
    public Task BeginStreamAsync(params string[] headers) =>
        SendAsync($"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n{Lines(headers)}\r\n");

    public Task ChunkAsync(string text) => SendAsync($"{Encoding.UTF8.GetByteCount(text):x}\r\n{text}\r\n");

    public Task EventAsync(string data) => ChunkAsync($"data: {data}\n\n");

    public Task EndAsync() => SendAsync("0\r\n\r\n");

    public async Task SendAsync(string raw) => await stream.WriteAsync(Encoding.UTF8.GetBytes(raw));

    public async Task SendAsync(byte[] raw) => await stream.WriteAsync(raw);

    /// <summary>A connection that is torn down without a word.</summary>
    public void Reset()
    {
        IsClosed = true;
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
    }

    public void Close()
    {
        IsClosed = true;
        socket.Close();
    }

    /// <summary>Ends when the gateway has closed its side.</summary>
    public async Task ClosedByGatewayAsync()
    {
        IsClosed = true;
        try
        {
            while (await stream.ReadAsync(new byte[256]) > 0)
            {
            }
        }
        catch (IOException)
        {
            // A reset is a close too.
        }
    }

    private static string Lines(string[] headers) => string.Concat(headers.Select(header => header + "\r\n"));
}
