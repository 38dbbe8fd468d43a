using System.CommandLine;
using System.Text.Json;
using Weir.Server.Configuration;
using Weir.Server.Endpoints;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.State;

namespace Weir.Cli.Commands;

/// <summary><c>weir keys</c>: asks the running server, or the store where none runs.</summary>
internal static class KeysCommand
{
    public static Command Create() => new("keys", "Make, list and revoke API keys: through the running server, or straight in its state when none runs")
    {
        CreateCreate(),
        CreateList(),
        CreateRevoke(),
    };

    private static Command CreateCreate()
    {
        var request = new KeyRequestFlags();
        var command = new Command("create", "Make a key and print it; it is shown this once");
        request.AddTo(command);
        return WithDesk(command, async (parsed, desk, output, error, cancellation) =>
        {
            if (request.Read(parsed, TimeProvider.System.GetUtcNow(), out var wrong) is not { } asked)
            {
                await error.WriteLineAsync($"weir: {wrong}");
                return ExitCode.Usage;
            }

            var key = await desk.CreateAsync(asked, cancellation);
            if (parsed.GetValue<bool>("--json"))
            {
                await output.WriteLineAsync(JsonSerializer.Serialize(key, WireJson.Options));
                return ExitCode.Ok;
            }

            // The key alone on standard output, so that WEIR_KEY=$(weir keys create) works.
            await error.WriteLineAsync($"Made {key.Id} ({string.Join(", ", key.Roles)}) for tenant {key.Tenant}. Keep it: it is not shown again.");
            await output.WriteLineAsync(key.Key);
            return ExitCode.Ok;
        });
    }

    private static Command CreateList() =>
        WithDesk(new Command("list", "List the keys, without their secrets"), async (parsed, desk, output, _, cancellation) =>
        {
            var keys = await desk.ListAsync(cancellation);
            if (parsed.GetValue<bool>("--json"))
            {
                await output.WriteLineAsync(JsonSerializer.Serialize(new ListOf<KeyView>(keys), WireJson.Options));
                return ExitCode.Ok;
            }

            if (keys.Count == 0)
            {
                await output.WriteLineAsync("There are no keys. 'weir keys create' makes one.");
                return ExitCode.Ok;
            }

            await output.WriteLineAsync($"{"ID",-18}{"BEGINS WITH",-14}{"ROLES",-14}{"TENANT",-20}{"EXPIRES",-22}NAME");
            foreach (var key in keys)
            {
                var expires = key.Expires is { } at ? at.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture) : "never";
                await output.WriteLineAsync($"{key.Id,-18}{key.Prefix,-14}{string.Join(',', key.Roles),-14}{key.Tenant,-20}{expires,-22}{key.Name}");
            }

            return ExitCode.Ok;
        });

    private static Command CreateRevoke()
    {
        var id = new Argument<string>("id") { Description = "The key's id, as 'weir keys list' shows it" };
        return WithDesk(new Command("revoke", "Refuse a key from now on") { id }, async (parsed, desk, output, error, cancellation) =>
        {
            var wanted = parsed.GetValue(id)!;
            if (await desk.RevokeAsync(wanted, cancellation))
            {
                await output.WriteLineAsync($"Revoked {wanted}.");
                return ExitCode.Ok;
            }

            await error.WriteLineAsync($"weir: there is no key '{wanted}'. 'weir keys list' shows the ids.");
            return ExitCode.Failed;
        });
    }

    private static Command WithDesk(
        Command command, Func<ParseResult, KeyDesk, TextWriter, TextWriter, CancellationToken, Task<int>> run)
    {
        var flags = new ConfigurationFlags();
        flags.AddTo(command);
        command.Options.Add(new Option<bool>("--json") { Description = "Print JSON" });
        command.SetAction(async (parsed, cancellation) =>
        {
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            var sources = flags.Sources(parsed, []);
            var configuration = ConfigurationLoader.Load(sources);
            if (configuration.Faults.Count > 0)
            {
                configuration.Print(error);
                return ExitCode.Usage;
            }

            try
            {
                await using var desk = new KeyDesk(configuration.Options, sources);
                return await run(parsed, desk, output, error, cancellation);
            }
            catch (Exception fault) when (fault is ServerException or StoreUnavailableException or IOException or UnauthorizedAccessException)
            {
                await error.WriteLineAsync($"weir: {fault.Message}");
                return fault is StoreUnavailableException { Misconfigured: true } ? ExitCode.Usage : ExitCode.Failed;
            }
        });
        return command;
    }
}
