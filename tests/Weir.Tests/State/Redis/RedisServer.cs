using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Weir.Tests.Support;

namespace Weir.Tests.State.Redis;

/// <summary>A real redis-server on a free port with a folder of its own; killed and removed at the end.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private const int SignalStop = 19;
    private const int SignalContinue = 18;

    private readonly string[] _settings;
    private Process? _process;
    private Watchdog? _watchdog;
    private bool _paused;

    private RedisServer(string folder, int port, string[] settings) => (Folder, Port, _settings) = (folder, port, settings);

    public string Folder { get; }

    public int Port { get; }

    public string Url => $"redis://127.0.0.1:{Port}/0";

    public static async Task<RedisServer> StartAsync(params string[] settings)
    {
        for (var tries = 1; ; tries++)
        {
            var server = new RedisServer(Directory.CreateTempSubdirectory("weir-redis-").FullName, FreePort.Next(), settings);
            try
            {
                await server.StartAsync();
                return server;
            }
            catch (IOException) when (tries < 5)
            {
                // Another process took the port in the meantime.
                await server.DisposeAsync();
            }
            catch
            {
                await server.DisposeAsync();
                throw;
            }
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

        _watchdog = new Watchdog(_process, Folder);
        // What this process says, and not whoever answers at the port.
        var ready = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var said = new StringBuilder();
        _process.OutputDataReceived += (_, line) =>
        {
            said.AppendLine(line.Data);
            if (line.Data is null || line.Data.Contains("Ready to accept connections", StringComparison.Ordinal))
                ready.TrySetResult(line.Data is not null);
        };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        if (!await ready.Task.WaitAsync(TimeSpan.FromSeconds(60)))
            throw new IOException($"redis-server did not start. It said:\n{said}");
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
        _watchdog?.Dispose();
        _process.Dispose();
        (_process, _watchdog) = (null, null);
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

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
