using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Weir.Tests.Server.Endpoints;

/// <summary>One HTTP/1.1 exchange over a bare socket: sends what no client library would.</summary>
internal static class RawClient
{
    public static async Task<Socket> ConnectAsync(Uri server)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, server.Port);
        return socket;
    }

    public static byte[] Chat(byte[] body, string headers = "") =>
        [.. Encoding.UTF8.GetBytes($"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {body.Length}\r\n\r\n"), .. body];

    public static Task<RawAnswer> ChatAsync(Uri server, string body, string headers = "") => SendAsync(server, Chat(Encoding.UTF8.GetBytes(body), headers));

    /// <summary>Sends, and reads until the server ends the connection.</summary>
    public static async Task<RawAnswer> SendAsync(Uri server, byte[] request)
    {
        using var socket = await ConnectAsync(server);
        return await ReadAsync(socket, request);
    }

    /// <summary>Reads until the server ends the connection, while <paramref name="request"/> is sent.</summary>
    public static async Task<RawAnswer> ReadAsync(Socket socket, byte[]? request = null)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var received = new MemoryStream();
        try
        {
            var sending = socket.SendAsync(request ?? [], limit.Token);
            var buffer = new byte[16 * 1024];
            while (await socket.ReceiveAsync(buffer, limit.Token) is > 0 and var count)
            {
                received.Write(buffer, 0, count);
            }

            await sending;
        }
        catch (SocketException)
        {
            // The server may close while it is still being told.
        }

        var text = Encoding.UTF8.GetString(received.ToArray());
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return new RawAnswer(
            text.Length > 12 ? int.Parse(text.AsSpan(9, 3), System.Globalization.CultureInfo.InvariantCulture) : 0,
            end < 0 ? text : text[..end],
            end < 0 ? "" : text[(end + 4)..]);
    }
}

internal sealed record RawAnswer(int Status, string Head, string Body)
{
    /// <summary>Fails unless the answer is an error of the given status in OpenAI's shape.</summary>
    /// <returns>Its code and message.</returns>
    public (string Code, string Message) ShouldBeError(int status)
    {
        Status.ShouldBe(status, Head + "\n" + Body);
        using var document = JsonDocument.Parse(Body);
        var error = document.RootElement.GetProperty("error");
        error.GetProperty("type").GetString().ShouldNotBeNullOrEmpty();
        error.TryGetProperty("param", out _).ShouldBeTrue();
        return (error.GetProperty("code").GetString()!, error.GetProperty("message").GetString()!);
    }
}
