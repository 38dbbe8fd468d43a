using System.CommandLine;
using Weir.Cli.Commands;

var root = new RootCommand("The resource plane for AI agents")
{
    SimCommand.Create(),
    CheckCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
