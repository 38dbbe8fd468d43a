using System.CommandLine;
using Weir.Inference.Providers;
using Weir.Leases.Desktops;
using Weir.Leases.Kinds;
using Weir.Server.Configuration;
using Weir.Server.Configuration.Schema;

namespace Weir.Cli.Commands;

/// <summary><c>weir check</c>: everything that is wrong with a configuration, without starting anything.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var flags = new ConfigurationFlags();
        var simulate = new Option<bool>("--simulate") { Description = $"Check as for 'up --simulate', which offers the provider '{ProviderDiscovery.Simulated}'" };
        var schema = new Option<bool>("--schema") { Description = "Print the JSON schema of weir.json instead" };
        var needs = new Option<bool>("--needs") { Description = "Print the packages that this configuration lacks on this machine instead, for the launcher", Hidden = true };
        var settings = new Argument<string[]>("settings")
        {
            Description = "Any setting of weir.json, as --server.drain=10s",
            Arity = ArgumentArity.ZeroOrMore,
            HelpName = "--SETTING=VALUE",
        };

        var command = new Command("check", "Check a configuration: everything that is wrong with it, each with its place and how to mend it");
        flags.AddTo(command);
        command.Options.Add(simulate);
        command.Options.Add(schema);
        command.Options.Add(needs);
        command.Arguments.Add(settings);
        command.SetAction(async (parsed, cancellation) =>
        {
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            if (parsed.GetValue(schema))
            {
                await output.WriteAsync(ConfigurationSchema.Write());
                return ExitCode.Ok;
            }

            if (parsed.GetValue(needs))
            {
                await output.WriteLineAsync(Needs(flags.Sources(parsed, parsed.GetValue(settings) ?? [])));
                return ExitCode.Ok;
            }

            using var http = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false });
            var sources = flags.Sources(parsed, parsed.GetValue(settings) ?? []);
            return await RunAsync(sources, parsed.GetValue(simulate), http, output, error, cancellation);
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

        if (!loaded.Print(error)) return ExitCode.Usage;

        await output.WriteLineAsync($"{loaded.File ?? "no file"}: {Describe(loaded.Options)}");
        return ExitCode.Ok;
    }

    // A configuration with faults is told of by whoever starts with it.
    private static string Needs(ConfigurationSources sources) => string.Join(' ', ConfigurationLoader.Load(sources).Options.Kinds
        .Where(kind => ResourceKinds.SortOf(kind.Key) == "vm").SelectMany(kind => DesktopSetup.MissingPackages(kind.Value)).Distinct().Order(StringComparer.Ordinal));

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
