using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Support;

/// <summary>
/// A provider that speaks HTTP/2 frame by frame, so that a test can do what no finished server does: answer whole while the
/// request's body is still waiting for room to be sent, and make that room later. It serves one connection.
/// </summary>
internal sealed class Http2Upstream : IAsyncDisposable
{
    public const byte Data = 0, Headers = 1, Reset = 3, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8;
    private const byte EndStream = 1, Acknowledge = 1, EndHeaders = 4;

    private readonly TcpListener _listener = new(IPAddress.Loopback, FreePort.Next());
    private NetworkStream? _stream;

    public Http2Upstream() => _listener.Start();

    public string BaseUrl => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/v1";

    /// <summary>Takes the connection and waits for the head of its first request.</summary>
    public async Task AcceptAsync()
    {
        var socket = await _listener.AcceptSocketAsync();
        _stream = new NetworkStream(socket, ownsSocket: true);
        await _stream.ReadExactlyAsync(new byte["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".Length]);
        await SendAsync(Settings, 0, 0, []);
        while ((await ReadAsync()).Type != Headers)
        {
        }
    }

    /// <summary>The next frame of the other side; settings and pings are answered on the way.</summary>
    public async Task<(byte Type, byte Flags, byte[] Payload)> ReadAsync()
    {
        var head = new byte[9];
        await _stream!.ReadExactlyAsync(head);
        var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
        await _stream.ReadExactlyAsync(payload);
        if ((head[3] is Settings or Ping) && (head[4] & Acknowledge) == 0)
        {
            await SendAsync(head[3], Acknowledge, 0, head[3] == Ping ? payload : []);
        }

        return (head[3], head[4], payload);
    }

    /// <summary>A whole JSON answer on the first stream, whatever has come of its request.</summary>
    public async Task AnswerAsync(int status, string body)
    {
        // RFC 7541: :status indexed, or literal with the indexed name 8; then content-type (31) as a literal.
        var type = "application/json"u8.ToArray();
        byte[] head = [0x08, 0x03, .. Encoding.ASCII.GetBytes(status.ToString(System.Globalization.CultureInfo.InvariantCulture)), 0x0f, 0x10, (byte)type.Length, .. type];
        await SendAsync(Headers, EndHeaders, 1, head);
        await SendAsync(Data, EndStream, 1, Encoding.UTF8.GetBytes(body));
    }

    /// <summary>Makes room for everything that is still to be sent.</summary>
    public async Task MakeRoomAsync()
    {
        var room = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(room, 16 * 1024 * 1024);
        await SendAsync(WindowUpdate, 0, 0, room);
        await SendAsync(WindowUpdate, 0, 1, room);
    }

    /// <summary>Asks for a sign of life: whatever was sent before has been read by then.</summary>
    public Task PingAsync() => SendAsync(Ping, 0, 0, new byte[8]);

    public Task SendAsync(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        (frame[0], frame[1], frame[2], frame[3], frame[4]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return _stream!.WriteAsync(frame).AsTask();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        if (_stream is not null)
        {
            await _stream.DisposeAsync();
        }
    }
}
