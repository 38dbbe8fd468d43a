using System.Net;
using System.Net.Sockets;

namespace Weir.Tests.Support;

/// <summary>
/// A port of loopback for a server in another process, or for one whose port must be nobody's when it has stopped: port 0 gives what is free to
/// whoever asks next. It lies below the ports that the system gives to outgoing connections: one of those
/// may be taken by anybody's client before the server listens, and even by a client that tries to reach the server while it is away.
/// </summary>
internal static class FreePort
{
    private const int First = 12_000;
    private const int Last = 32_000;

    private static readonly Lock Sync = new();
    private static readonly HashSet<int> Given = [];

    /// <summary>One that nobody listens on, and that this process has not been given before.</summary>
    public static int Next()
    {
        while (true)
        {
            var port = Random.Shared.Next(First, Last);
            lock (Sync)
            {
                if (!Given.Add(port))
                    continue;
            }

            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }
    }
}
