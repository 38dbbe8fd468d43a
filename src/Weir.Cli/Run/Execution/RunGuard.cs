using System.CommandLine;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Weir.Cli.Run.Execution;

/// <summary>
/// A process beside the run that outlives it: when the run ends, however it ends, the pipe between them closes, and the guard ends what the run's commands left.
/// </summary>
internal sealed class RunGuard : IAsyncDisposable
{
    private const string Name = "run-guard";
    private const string Ready = "ready";
    private static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(30);

    private readonly Process _process;

    private RunGuard(Process process) => _process = process;

    /// <summary>The guard's side, which nobody types.</summary>
    public static Command CreateCommand()
    {
        var run = new Argument<string>("run");
        var command = new Command(Name, "Ends what a run leaves behind") { run };
        command.Hidden = true;
        command.SetAction((parsed, _) => WatchAsync(parsed.GetValue(run)!, parsed.InvocationConfiguration.Output));
        return command;
    }

    /// <exception cref="IOException">It did not start.</exception>
    public static async Task<RunGuard> StartAsync(string run, TimeProvider time, CancellationToken stop)
    {
        // In a session of its own: a terminal's signals are for the run alone.
        var start = new ProcessStartInfo("setsid") { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(Environment.ProcessPath!);
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) is "dotnet")
            start.ArgumentList.Add(Assembly.GetEntryAssembly()!.Location);
        start.ArgumentList.Add(Name);
        start.ArgumentList.Add(run);
        foreach (var name in start.Environment.Keys.Where(name => name.EndsWith("_KEY", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        start.Environment["DOTNET_TieredPGO"] = "0";

        Process process;
        try
        {
            process = Children.Start(start);
        }
        catch (System.ComponentModel.Win32Exception fault)
        {
            throw new IOException($"'setsid' cannot be started: {fault.Message} It is part of util-linux and of BusyBox.", fault);
        }

        var guard = new RunGuard(process);
        try
        {
            if (await process.StandardOutput.ReadLineAsync(stop).AsTask().WaitAsync(StartWithin, time, stop) is not Ready)
                throw new IOException("The guard that ends left processes did not start.");
            return guard;
        }
        catch
        {
            await guard.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        // It sees the end of its input, looks once more, and goes by itself.
        _process.StandardInput.Close();
        _process.Dispose();
        return ValueTask.CompletedTask;
    }

    private static async Task<int> WatchAsync(string run, TextWriter output)
    {
        using var interrupt = Ignore(PosixSignal.SIGINT);
        using var terminate = Ignore(PosixSignal.SIGTERM);
        using var hangUp = Ignore(PosixSignal.SIGHUP);
        // First of all: a run that dies before it reads this finds its guard awake.
        var input = Console.OpenStandardInput();
        await output.WriteLineAsync(Ready);
        await output.FlushAsync();
        var buffer = new byte[64];
        while (await input.ReadAsync(buffer) > 0)
        {
            // Nothing is ever said: its end is the message.
        }

        return await new ProcessFamily(null, TaskVariables.Run, run, TimeProvider.System).EndAsync() == 0 ? ExitCode.Ok : ExitCode.Failed;
    }

    private static PosixSignalRegistration Ignore(PosixSignal signal) => PosixSignalRegistration.Create(signal, context => context.Cancel = true);
}
