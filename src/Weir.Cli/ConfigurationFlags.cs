using System.CommandLine;
using Weir.Server.Configuration;

namespace Weir.Cli;

/// <summary>The flags that say which server is meant; the same for every command, so that what <c>up</c> was told, <c>keys</c> can be told.</summary>
internal sealed class ConfigurationFlags
{
    private readonly Option<string?> _config = new("--config") { Description = "The configuration file. Default: weir.json, if there is one", HelpName = "FILE" };
    private readonly Option<string?> _url = new("--url") { Description = "Where the server listens. Default: http://127.0.0.1:7800", HelpName = "URL" };
    private readonly Option<string?> _data = new("--data") { Description = "The folder of embedded state and of admin.key. Default: ./data", HelpName = "DIR" };
    private readonly Option<string?> _state = new("--state") { Description = "Where state is kept: sqlite, memory, or redis://host:port/db. Default: sqlite", HelpName = "STATE" };

    public void AddTo(Command command)
    {
        command.Options.Add(_config);
        command.Options.Add(_url);
        command.Options.Add(_data);
        command.Options.Add(_state);
    }

    /// <param name="parsed">The command line.</param>
    /// <param name="settings">Further settings, as <c>--server.drain=10s</c>.</param>
    public ConfigurationSources Sources(ParseResult parsed, IEnumerable<string> settings)
    {
        var arguments = new List<string>(settings);
        if (parsed.GetValue(_url) is { } url) arguments.Add("--server.url=" + url);
        if (parsed.GetValue(_data) is { } data) arguments.Add("--server.data=" + data);
        if (parsed.GetValue(_state) is { } state) arguments.Add("--state=" + state);
        return ConfigurationSources.OfProcess(parsed.GetValue(_config), arguments);
    }
}

internal static class FaultPrinting
{
    /// <summary>Prints every fault and warning. False when there are faults.</summary>
    public static bool Print(this LoadedConfiguration configuration, TextWriter error)
    {
        foreach (var warning in configuration.Warnings) error.WriteLine($"warning: {warning}");
        foreach (var fault in configuration.Faults) error.WriteLine($"error: {fault}");
        if (configuration.Faults.Count == 0) return true;

        error.WriteLine(configuration.Faults.Count == 1
            ? "weir: the configuration has 1 fault."
            : $"weir: the configuration has {configuration.Faults.Count} faults.");
        return false;
    }
}
