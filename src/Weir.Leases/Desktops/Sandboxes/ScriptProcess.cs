using System.Diagnostics;
using System.Text;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>A shell script of ours, which becomes another program: started with nothing of this process's environment, read line by line, left to live on when this object goes.</summary>
internal sealed class ScriptProcess : IDisposable
{
    private const int LongestLine = 64 << 10;
    private const int MostErrors = 4 << 10;

    private readonly Process _process;
    private readonly StringBuilder _errors = new();
    private readonly Task _reading;

    private ScriptProcess(Process process)
    {
        _process = process;
        _reading = ReadErrorsAsync();
    }

    public int Pid => _process.Id;

    public StreamWriter Input => _process.StandardInput;

    /// <exception cref="System.ComponentModel.Win32Exception">There is no <c>/bin/sh</c>, or no process to be had.</exception>
    public static ScriptProcess Start(string script, string folder, IEnumerable<string> command)
    {
        var start = new ProcessStartInfo("/bin/sh")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/", StandardInputEncoding = new UTF8Encoding(false),
        };
        foreach (var argument in (string[])["-c", Script.Read(script), "weir-desktop", folder, .. command])
            start.ArgumentList.Add(argument);
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        start.Environment["LANG"] = "C.UTF-8";
        return new ScriptProcess(Process.Start(start)!);
    }

    /// <returns>Null: its output has ended.</returns>
    public async Task<string?> LineAsync(CancellationToken cancellationToken)
    {
        var line = new StringBuilder();
        var one = new char[1];
        while (await _process.StandardOutput.ReadAsync(one, cancellationToken).ConfigureAwait(false) > 0)
        {
            if (one[0] == '\n')
                return line.ToString();
            if (line.Length == LongestLine)
                return null;
            line.Append(one[0]);
        }

        return null;
    }

    /// <returns>Null: its output has ended.</returns>
    public async Task<char?> CharacterAsync(CancellationToken cancellationToken)
    {
        var one = new char[1];
        return await _process.StandardOutput.ReadAsync(one, cancellationToken).ConfigureAwait(false) > 0 ? one[0] : null;
    }

    /// <summary>What it said of its trouble, once it has ended or soon does.</summary>
    public async Task<string> ErrorsAsync(TimeSpan within, TimeProvider time)
    {
        await Task.WhenAny(_reading, Task.Delay(within, time)).ConfigureAwait(false);
        lock (_errors)
            return _errors.ToString().Trim();
    }

    public async Task<int> ExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        return _process.ExitCode;
    }

    public void Kill() => _process.Kill();

    /// <summary>Lets go of it; the runtime still takes note of its end.</summary>
    public void Dispose() => _process.Dispose();

    private async Task ReadErrorsAsync()
    {
        var piece = new char[1024];
        try
        {
            while (await _process.StandardError.ReadAsync(piece).ConfigureAwait(false) is var read and > 0)
            {
                lock (_errors)
                    _errors.Append(piece, 0, Math.Min(read, MostErrors - _errors.Length));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // It was let go.
        }
    }
}

/// <summary>The scripts that stand inside this assembly.</summary>
internal static class Script
{
    public const string Launch = "launch.sh";
    public const string Network = "network.sh";
    public const string Run = "run.sh";
    public const string Guard = "guard.sh";
    public const string Desktop = "desktop.py";

    public static string Read(string name)
    {
        using var reader = new StreamReader(typeof(Script).Assembly.GetManifestResourceStream("desktops/" + name)!);
        return reader.ReadToEnd();
    }
}
