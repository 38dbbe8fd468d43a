using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Weir.Tests.State.Redis;

/// <summary>A real redis-server on a free port with a folder of its own; killed and removed at the end.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private const int SignalStop = 19;
    private const int SignalContinue = 18;

    private readonly string[] _settings;
    private Process? _process;
    private bool _paused;

    private RedisServer(string folder, int port, string[] settings) => (Folder, Port, _settings) = (folder, port, settings);

    public string Folder { get; }

    public int Port { get; }

    public string Url => $"redis://127.0.0.1:{Port}/0";

    public static async Task<RedisServer> StartAsync(params string[] settings)
    {
        var folder = Directory.CreateTempSubdirectory("weir-redis-").FullName;
        var server = new RedisServer(folder, FreePort(), settings);
        try
        {
            await server.StartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async Task StartAsync()
    {
        var info = new ProcessStartInfo("redis-server") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        string[] arguments =
        [
            "--port", $"{Port}", "--bind", "127.0.0.1", "--dir", Folder, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
            "--enable-debug-command", "local", .. _settings,
        ];
        foreach (var argument in arguments)
            info.ArgumentList.Add(argument);
        try
        {
            _process = Process.Start(info)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException("These tests need a real redis-server 7.0 or newer: run ./weir test, which installs it, or apt-get install redis-server.", e);
        }

        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        for (var tries = 0; ; tries++)
        {
            try
            {
                var reply = await SayAsync("PING");
                if (reply.StartsWith("+PONG", StringComparison.Ordinal) || reply.StartsWith("-NOAUTH", StringComparison.Ordinal))
                    return;
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                if (_process.HasExited || tries > 600)
                    throw new InvalidOperationException("redis-server did not start.", e);
            }

            await Task.Delay(25);
        }
    }

    /// <summary>SIGSTOP: connections stay open and nothing is answered.</summary>
    public void Pause()
    {
        _paused = true;
        Signal(_process!.Id, SignalStop).ShouldBe(0);
    }

    public void Continue()
    {
        _paused = false;
        Signal(_process!.Id, SignalContinue).ShouldBe(0);
    }

    public async Task KillAsync()
    {
        if (_process is null)
            return;
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>One command on a connection of its own; the first line or bulk of the answer as it came.</summary>
    public async Task<string> SayAsync(params string[] words)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        await using var stream = client.GetStream();
        var command = new StringBuilder($"*{words.Length}\r\n");
        foreach (var word in words)
            command.Append(null, $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n");
        await stream.WriteAsync(Encoding.UTF8.GetBytes(command.ToString()));
        var buffer = new byte[1 << 16];
        var read = await stream.ReadAsync(buffer);
        return Encoding.UTF8.GetString(buffer, 0, read);
    }

    public async ValueTask DisposeAsync()
    {
        if (_paused)
            Continue();
        await KillAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
