using System.Buffers.Binary;
using System.Net.Sockets;

namespace Weir.Tests.Leases.Desktops.X11;

/// <summary>Speaks as much of an X server's protocol as a test's script says, rightly or not.</summary>
internal sealed class FakeXServer : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Task _serving;
    private readonly CancellationTokenSource _ending = new();

    public FakeXServer(Func<NetworkStream, CancellationToken, Task> script)
    {
        SocketPath = Path.Combine(Path.GetTempPath(), $"weir-fake-x-{Guid.NewGuid():N}");
        _listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        _listener.Listen();
        _serving = ServeAsync(script);
    }

    public string SocketPath { get; }

    /// <summary>The answer of a proper server of one screen.</summary>
    public static byte[] Setup { get; } = MakeSetup();

    /// <summary>Takes a hello of a cookie of 16 bytes, and answers it.</summary>
    public static async Task GreetAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        await stream.ReadExactlyAsync(new byte[12 + 20 + 16], cancellationToken);
        await stream.WriteAsync(Setup, cancellationToken);
    }

    /// <summary>The next request: its code and its bytes.</summary>
    public static async Task<byte[]> RequestAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var head = new byte[4];
        await stream.ReadExactlyAsync(head, cancellationToken);
        var request = new byte[BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(2)) * 4];
        head.CopyTo(request, 0);
        await stream.ReadExactlyAsync(request.AsMemory(4), cancellationToken);
        return request;
    }

    public static byte[] Message(byte type, byte detail, int sequence, uint units = 0, byte[]? body = null)
    {
        var message = new byte[32 + (body?.Length ?? 0)];
        (message[0], message[1]) = (type, detail);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(2), (ushort)sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), units);
        body?.CopyTo(message, 32);
        return message;
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Dispose();
        await _serving;
        File.Delete(SocketPath);
        _ending.Dispose();
    }

    private async Task ServeAsync(Func<NetworkStream, CancellationToken, Task> script)
    {
        try
        {
            while (true)
            {
                using var stream = new NetworkStream(await _listener.AcceptAsync(_ending.Token), ownsSocket: true);
                try
                {
                    await script(stream, _ending.Token);
                }
                catch (IOException)
                {
                    // The client has left, as it should.
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private static byte[] MakeSetup()
    {
        using var body = new MemoryStream();
        using var writer = new BinaryWriter(body);
        writer.Write(new byte[16]);
        writer.Write((ushort)4);
        writer.Write((ushort)65_535);
        writer.Write([1, 1, 0, 0, 32, 32, 8, 255, 0, 0, 0, 0]);
        writer.Write("Fake"u8);
        writer.Write([24, 32, 32, 0, 0, 0, 0, 0]);
        writer.Write(77u);
        writer.Write(new byte[28]);
        writer.Write(33u);
        writer.Write([0, 0, 24, 1]);
        writer.Write([24, 0, 1, 0, 0, 0, 0, 0]);
        writer.Write(33u);
        writer.Write([4, 8, 0, 1]);
        writer.Write(0xff0000u);
        writer.Write(0xff00u);
        writer.Write(0xffu);
        writer.Write(0u);
        return [1, 0, 11, 0, 0, 0, (byte)(body.Length / 4), 0, .. body.ToArray()];
    }
}
