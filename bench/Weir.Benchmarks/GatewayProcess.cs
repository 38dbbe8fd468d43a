using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Weir.Benchmarks;

/// <summary>A server under measurement: a real process, its children counted with it, ended when disposed.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    /// <summary>What the kernel counts processor time in; 100 a second wherever Linux runs .NET.</summary>
    private const double TicksPerSecond = 100;

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private GatewayProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public required Uri Url { get; init; }

    public int Id => _process.Id;

    /// <summary>What it wants to be told with each request; null: nothing.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>Starts a server and waits until its port answers.</summary>
    public static Task<GatewayProcess> StartAsync(Uri url, string file, params string[] arguments) => StartAsync(url, headers: null, file, arguments);

    /// <summary>The same, of one that wants headers with each request.</summary>
    public static async Task<GatewayProcess> StartAsync(Uri url, IReadOnlyDictionary<string, string>? headers, string file, params string[] arguments)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_TieredPGO"] = "1";
        var server = new GatewayProcess(Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start.")) 
        {
            Url = url,
            Headers = headers,
        };
        for (var attempt = 0; attempt < 300; attempt++)
        {
            if (server._process.HasExited)
                break;
            try
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, url.Port);
                return server;
            }
            catch (SocketException)
            {
                await Task.Delay(100);
            }
        }

        var failure = server.ToString();
        await server.DisposeAsync();
        throw new InvalidOperationException($"Nothing serves at {url}: {failure}");
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>User and system time of the process and its children, in seconds.</summary>
    public double ProcessorSeconds() => Pids().Sum(pid =>
    {
        var fields = Stat(pid);
        return fields.Length == 0 ? 0 : (Number(fields[11]) + Number(fields[12])) / TicksPerSecond;
    });

    /// <summary>Resident memory of the process and its children, in MB of 1,000,000 bytes.</summary>
    public double ResidentMegabytes() => Pids().Sum(pid =>
    {
        var line = File.ReadLines($"/proc/{pid}/status").FirstOrDefault(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return line is null ? 0 : Number(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) * 1024 / 1e6;
    });

    /// <summary>What it is, whether it lives, and what it said.</summary>
    public override string ToString()
    {
        lock (_output)
            return $"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} ({(_process.HasExited ? $"ended with {_process.ExitCode}" : "running")}) said:\n{_output}";
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
        catch (InvalidOperationException)
        {
            // It had ended by itself.
        }

        _process.Dispose();
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private List<int> Pids()
    {
        var pids = new List<int> { _process.Id };
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && Stat(pid) is { Length: > 12 } fields && int.Parse(fields[1], CultureInfo.InvariantCulture) == _process.Id)
            {
                pids.Add(pid);
            }
        }

        return pids;
    }

    /// <summary>The fields of /proc/PID/stat after the name, which may hold spaces; empty when the process is gone.</summary>
    private static string[] Stat(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return [];
        }
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (_output)
        {
            if (_output.Length < 64 * 1024)
                _output.AppendLine(line);
        }
    }
}
