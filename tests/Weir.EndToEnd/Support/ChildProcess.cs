using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Weir.Tests.Support;

namespace Weir.EndToEnd.Support;

/// <summary>A process of a test: its output is kept, and it is ended with all its children when disposed, also when the test fails.</summary>
internal sealed partial class ChildProcess : IAsyncDisposable
{
    public const int SignalKill = 9;
    public const int SignalTerminate = 15;
    public const int SignalContinue = 18;
    public const int SignalStop = 19;

    private readonly Process _process;
    private readonly Watchdog _watchdog;
    private readonly StringBuilder _output = new();

    public ChildProcess(string file, IEnumerable<string> arguments, string folder, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // What a developer has set must not reach the server under test.
        foreach (var name in start.Environment.Keys.ToArray())
        {
            if (name.StartsWith("WEIR_", StringComparison.Ordinal) || name.StartsWith("ASPNETCORE_", StringComparison.Ordinal)
                || name.StartsWith("OTEL_", StringComparison.Ordinal) || name.EndsWith("_API_KEY", StringComparison.Ordinal))
            {
                start.Environment.Remove(name);
            }
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;

        _process = Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start.");
        _watchdog = new Watchdog(_process);
        _process.StandardInput.Close();
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public bool HasExited => _process.HasExited;

    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>The exit code and everything written, once it has ended.</summary>
    public static async Task<(int Code, string Output)> RunAsync(string file, IEnumerable<string> arguments, string folder, TimeSpan timeout)
    {
        await using var child = new ChildProcess(file, arguments, folder);
        return (await child.ExitAsync(timeout), child.Output);
    }

    public void Signal(int signal = SignalTerminate)
    {
        if (Kill(_process.Id, signal) != 0)
            throw new InvalidOperationException($"Signal {signal} could not be sent: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    public async Task<int> ExitAsync(TimeSpan timeout)
    {
        using var late = new CancellationTokenSource(timeout);
        try
        {
            await _process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"It has not ended within {timeout}. It said:\n{Output}");
        }

        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _watchdog.Dispose();
        if (TestContext.Current.TestState?.Result == TestResult.Failed || TestContext.Current.TestState is null)
            TestContext.Current.TestOutputHelper?.WriteLine($"{string.Join(' ', _process.StartInfo.ArgumentList)} said:\n{Output}\n");
        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (_output)
        {
            if (_output.Length < 256 * 1024)
                _output.AppendLine(line);
        }
    }
}
