using System.CommandLine;
using Weir.Cli;
using Weir.Cli.Commands;
using Weir.Cli.Run.Execution;

var root = new RootCommand(
    "The resource plane for AI agents: one endpoint in front of every model provider, with priority, limits, retries and fallback.")
{
    UpCommand.Create(),
    RunCommand.Create(),
    RunGuard.CreateCommand(),
    StatusCommand.Create(),
    ApplyCommand.Create(),
    ProviderCommands.List(),
    ProviderCommands.Pause(),
    ProviderCommands.Resume(),
    ProviderCommands.Reset(),
    KeysCommand.Create(),
    SimCommand.Create(),
    CheckCommand.Create(),
    BenchCommand.Create(),
};
return await CommandLine.RunAsync(root, args);
