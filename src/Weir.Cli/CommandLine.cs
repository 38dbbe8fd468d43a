using System.CommandLine;
using System.CommandLine.Parsing;

namespace Weir.Cli;

/// <summary>Exit codes: 0 clean, 1 failed, 2 wrong usage or configuration.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Failed = 1;
    public const int Usage = 2;
}

internal static class CommandLine
{
    public static async Task<int> RunAsync(RootCommand root, IReadOnlyList<string> args, InvocationConfiguration? configuration = null)
    {
        configuration ??= new InvocationConfiguration();
        // Drained by the server itself, which knows how long that may take.
        configuration.ProcessTerminationTimeout = null;
        var parsed = root.Parse(args);
        if (parsed.Errors.Count == 0) return await InvokeAsync(parsed, configuration);

        if (args.Count == 0)
        {
            await root.Parse(["--help"]).InvokeAsync(configuration);
            return ExitCode.Usage;
        }

        foreach (var error in parsed.Errors) await configuration.Error.WriteLineAsync($"weir: {error.Message}");
        await configuration.Error.WriteLineAsync($"Try '{NameOf(parsed.CommandResult)} --help'.");
        return ExitCode.Usage;
    }

    // With the commands that it stands in: weir bench load.
    private static string NameOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{NameOf(parent)} {command.Command.Name}" : "weir";

    // What no command foresaw is still told to a person, not to the author.
    private static async Task<int> InvokeAsync(ParseResult parsed, InvocationConfiguration configuration)
    {
        configuration.EnableDefaultExceptionHandler = false;
        try
        {
            return await parsed.InvokeAsync(configuration);
        }
        catch (Exception fault)
        {
            await configuration.Error.WriteLineAsync($"weir: {parsed.CommandResult.Command.Name} failed ({fault.GetType().Name}): {fault.Message.ReplaceLineEndings(" ")}");
            return ExitCode.Failed;
        }
    }
}
