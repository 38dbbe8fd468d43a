using System.CommandLine;
using Weir.Inference.Providers;
using Weir.Server.Configuration;
using Weir.Server.Configuration.Schema;

namespace Weir.Cli.Commands;

/// <summary><c>weir check</c>: everything that is wrong with a configuration, without starting anything.</summary>
internal static class CheckCommand
{
    private const int WrongConfiguration = 2;

    public static Command Create()
    {
        var config = new Option<string?>("--config") { Description = $"The file to check. Default: {ConfigurationSources.DefaultFile}, if there is one", HelpName = "FILE" };
        var simulate = new Option<bool>("--simulate") { Description = $"Check as for 'up --simulate', which offers the provider {ProviderDiscovery.Simulated}" };
        var schema = new Option<bool>("--schema") { Description = "Print the JSON schema of the file instead" };
        var command = new Command("check", "Check a configuration; settings may follow as --section.name=value") { config, simulate, schema };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(async (parse, cancellation) =>
        {
            var (output, error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
            if (parse.GetValue(schema))
            {
                await output.WriteAsync(ConfigurationSchema.Write());
                return 0;
            }

            using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
            var sources = ConfigurationSources.OfProcess(parse.GetValue(config), [.. parse.UnmatchedTokens]);
            return await RunAsync(sources, parse.GetValue(simulate), http, output, error, cancellation);
        });
        return command;
    }

    internal static async Task<int> RunAsync(
        ConfigurationSources sources, bool simulate, HttpMessageInvoker http, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        // Nothing is started here: the name is what routes need to exist.
        var simulated = new ProviderOptions { BaseUrl = "http://127.0.0.1/v1" };
        if (simulate)
        {
            sources = sources with { AddedProviders = new Dictionary<string, ProviderOptions> { [ProviderDiscovery.Simulated] = simulated } };
        }

        var loaded = ConfigurationLoader.Load(sources);
        if (loaded.ProvidersAreDefault)
        {
            var found = await ProviderDiscovery.FindAsync(sources.Environment, _ => new(simulated), http, TimeProvider.System, cancellation);
            loaded = ConfigurationLoader.Load(sources with { DefaultProviders = found });
        }

        foreach (var fault in loaded.Faults)
        {
            await error.WriteLineAsync(fault.ToString());
        }

        foreach (var warning in loaded.Warnings)
        {
            await error.WriteLineAsync($"warning: {warning}");
        }

        var source = loaded.File ?? "no file";
        if (loaded.Faults.Count > 0)
        {
            await error.WriteLineAsync($"{source}: {Count(loaded.Faults.Count, "fault")}.");
            return WrongConfiguration;
        }

        await output.WriteLineAsync($"{source}: {Describe(loaded.Options)}");
        return 0;
    }

    private static string Describe(WeirOptions options) => string.Join("; ",
        Named(options.Providers.Keys, "provider"),
        Named(options.Routes.Keys, "route"),
        $"state {options.State}",
        $"at {options.Server.Url}");

    private static string Named(IEnumerable<string> names, string what)
    {
        var all = names.ToArray();
        return all.Length == 0 ? $"no {what}s" : $"{Count(all.Length, what)} ({string.Join(", ", all)})";
    }

    private static string Count(int count, string what) => $"{count} {what}{(count == 1 ? "" : "s")}";
}
