using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>One question to the first program of a desktop. What answers is inside, and may be anybody: it gets no more memory than was allowed for.</summary>
internal static class DesktopCall
{
    private const int LongestHead = 64 << 10;

    /// <param name="socket">Where it is asked.</param>
    /// <param name="request">What is asked; <c>stdin</c> is put in.</param>
    /// <param name="input">What follows the request.</param>
    /// <param name="mostBody">How many bytes may follow the head of the answer.</param>
    /// <param name="cancellationToken">Ends it, and what it began inside.</param>
    /// <exception cref="IOException">Nobody is there, or what answers does not keep to the rules.</exception>
    public static async Task<(JsonObject Head, ReadOnlyMemory<byte> Body)> AskAsync(string socket, JsonObject request, ReadOnlyMemory<byte> input, int mostBody, CancellationToken cancellationToken)
    {
        try
        {
            using var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellationToken).ConfigureAwait(false);
            using var stream = new NetworkStream(connection);
            request["stdin"] = input.Length;
            // In one piece: who has all of it may answer and leave, and to write even nothing to him then would fail.
            await stream.WriteAsync((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(request), (byte)'\n', .. input.Span], cancellationToken).ConfigureAwait(false);
            var head = await HeadAsync(stream, cancellationToken).ConfigureAwait(false);
            var length = (int?)head["length"] ?? -1;
            if (length < 0 || length > mostBody)
                throw new IOException("The desktop's answer is not one.");
            var body = new byte[length];
            await stream.ReadExactlyAsync(body, cancellationToken).ConfigureAwait(false);
            return (head, body);
        }
        catch (Exception e) when (e is SocketException or JsonException or InvalidOperationException or FormatException)
        {
            throw new IOException("The desktop does not answer: " + e.Message, e);
        }
    }

    // Nothing follows the head but the body, whose length it tells: it is read byte by byte up to its end.
    private static async Task<JsonObject> HeadAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        using var buffered = new MemoryStream();
        var one = new byte[1];
        while (await stream.ReadAsync(one, cancellationToken).ConfigureAwait(false) > 0)
        {
            if (one[0] == '\n')
                return JsonNode.Parse(buffered.ToArray()) as JsonObject ?? throw new IOException("The desktop's answer is not one.");
            if (buffered.Length == LongestHead)
                throw new IOException("The desktop's answer does not end.");
            buffered.WriteByte(one[0]);
        }

        throw new IOException("The desktop has ended.");
    }
}
