using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Weir.Leases.Desktops;
using Weir.Leases.Desktops.Screens;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Desktops;

/// <summary>A real Xvfb on a display that it chooses, with a cookie; a desktop without a sandbox. Programs that were started on it end with it.</summary>
internal sealed class XServer : IDesktop, IAsyncDisposable
{
    private static readonly CaptureRoom Room = new();

    private readonly List<(Process Process, Watchdog Watchdog)> _programs = [];
    private int _display;

    private XServer(int width, int height) => (Width, Height) = (width, height);

    public string Id => "test";

    public string Folder { get; } = Directory.CreateTempSubdirectory("weir-x-").FullName;

    public string DisplaySocket => $"/tmp/.X11-unix/X{_display}";

    public ReadOnlyMemory<byte> Cookie { get; } = RandomNumberGenerator.GetBytes(16);

    public int Width { get; }

    public int Height { get; }

    /// <summary>What programs inside are told besides.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    public int ServerId => _programs[0].Process.Id;

    public static async Task<XServer> StartAsync(int width = 1280, int height = 800)
    {
        var server = new XServer(width, height);
        try
        {
            var authority = Path.Combine(server.Folder, "authority");
            await File.WriteAllBytesAsync(authority, Authority(server.Cookie.Span));
            server.Environment["XAUTHORITY"] = authority;
            server.Environment["HOME"] = server.Folder;
            var process = server.Start("Xvfb", ["-displayfd", "1", "-screen", "0", $"{width}x{height}x24", "-extension", "GLX", "-nolisten", "tcp", "-noreset", "-auth", authority]);
            var line = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
            if (line is null)
                throw new InvalidOperationException($"These tests need Xvfb: run ./weir test, which installs it. It said: {await File.ReadAllTextAsync(Path.Combine(server.Folder, "errors"))}");
            server._display = int.Parse(line, CultureInfo.InvariantCulture);
            server.Environment["DISPLAY"] = $":{server._display}";
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>The eyes and hands of it.</summary>
    public DesktopScreen Open() => new(this, Room, TimeProvider.System);

    /// <summary>What it says of its troubles goes to a file, which whoever it leaves behind may keep open.</summary>
    public Process Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$@\" 2>>errors", program, .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true, WorkingDirectory = Folder };
        foreach (var (name, value) in Environment)
            start.Environment[name] = value;
        var process = Process.Start(start)!;
        _programs.Add((process, new Watchdog(process, Folder)));
        return process;
    }

    public ValueTask<DesktopWork?> WorkAsync(CancellationToken cancellationToken) => ValueTask.FromResult<DesktopWork?>(new DesktopWork(0, false));

    public async ValueTask<DesktopRun> RunAsync(IReadOnlyList<string> command, ReadOnlyMemory<byte> stdin, int mostOutput, CancellationToken cancellationToken)
    {
        var process = Start(command[0], command.Skip(1));
        await process.StandardInput.BaseStream.WriteAsync(stdin, cancellationToken);
        process.StandardInput.Close();
        using var output = new MemoryStream();
        await process.StandardOutput.BaseStream.CopyToAsync(output, cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return new DesktopRun(process.ExitCode, output.ToArray(), process.ExitCode == 0 ? null : "It failed.");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (process, watchdog) in _programs.AsEnumerable().Reverse())
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            watchdog.Dispose();
            process.Dispose();
        }

        await Eventually.TrueAsync(() =>
        {
            try
            {
                // What a browser leaves behind still writes for a moment.
                Directory.Delete(Folder, recursive: true);
            }
            catch (DirectoryNotFoundException)
            {
                return true;
            }
            catch (IOException)
            {
            }

            return !Directory.Exists(Folder);
        });
    }

    /// <summary>One entry for any display of any host, as Xau keeps them: lengths are big endian.</summary>
    private static byte[] Authority(ReadOnlySpan<byte> cookie) => [0xff, 0xff, 0, 0, 0, 0, 0, 18, .. "MIT-MAGIC-COOKIE-1"u8, 0, 16, .. cookie];
}
