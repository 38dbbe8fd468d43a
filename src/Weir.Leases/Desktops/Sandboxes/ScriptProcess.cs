using System.Diagnostics;
using System.Text;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>
/// A shell script of ours, which becomes another program: started with nothing of this process's environment, read while it begins, left to live on when this object
/// goes. Where its errors go the script says; a pipe that stays open would cost a thread as long as the program lives.
/// </summary>
internal sealed class ScriptProcess : IDisposable
{
    private const int LongestLine = 64 << 10;

    private readonly Process _process;

    private ScriptProcess(Process process) => _process = process;

    public int Pid => _process.Id;

    public StreamWriter Input => _process.StandardInput;

    /// <exception cref="System.ComponentModel.Win32Exception">There is no <c>/bin/sh</c>, or no process to be had.</exception>
    public static ScriptProcess Start(string script, string folder, IEnumerable<string> command)
    {
        var start = new ProcessStartInfo("/bin/sh")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, WorkingDirectory = "/", StandardInputEncoding = new UTF8Encoding(false),
        };
        foreach (var argument in (string[])["-c", Script.Read(script), "weir-desktop", folder, .. command])
            start.ArgumentList.Add(argument);
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        start.Environment["LANG"] = "C.UTF-8";
        return new ScriptProcess(Process.Start(start)!);
    }

    /// <returns>Null: its output has ended, or the line does not.</returns>
    public Task<string?> LineAsync(CancellationToken cancellationToken) => ReadAsync(
        output =>
        {
            var line = new StringBuilder();
            for (var read = output.Read(); read >= 0 && line.Length < LongestLine; read = output.Read())
            {
                if (read == '\n')
                    return line.ToString();
                line.Append((char)read);
            }

            return null;
        },
        cancellationToken);

    /// <returns>Null: its output has ended.</returns>
    public Task<char?> CharacterAsync(CancellationToken cancellationToken) => ReadAsync<char?>(output => output.Read() is var read and >= 0 ? (char)read : null, cancellationToken);

    /// <summary>All that it says, as far as is of use, until it ends.</summary>
    public Task<string> RestAsync(CancellationToken cancellationToken) => ReadAsync(
        output =>
        {
            var rest = new char[4096];
            return new string(rest, 0, output.ReadBlock(rest)).Trim();
        },
        cancellationToken);

    public async Task<int> ExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        return _process.ExitCode;
    }

    /// <summary>Lets go of it; the runtime still takes note of its end.</summary>
    public void Dispose() => _process.Dispose();

    // To read a pipe holds a thread until something is said: one of its own, not one that all the others wait for.
    private Task<T> ReadAsync<T>(Func<StreamReader, T> read, CancellationToken cancellationToken)
    {
        var output = _process.StandardOutput;
        return Task.Factory.StartNew(() => read(output), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(cancellationToken);
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
