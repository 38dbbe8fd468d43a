using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Weir.Flow.Breaking;
using Weir.Inference.Status;
using Weir.Server.Configuration;
using Weir.Server.Endpoints;
using Weir.Server.Hosting;

namespace Weir.Cli.Commands;

/// <summary><c>weir providers</c>, <c>pause</c>, <c>resume</c> and <c>reset</c>: what the running server makes of its providers, and orders for them.</summary>
internal static class ProviderCommands
{
    public static Command List()
    {
        var json = new Option<bool>("--json") { Description = "Print the server's answer as it came" };
        var command = new Command("providers", "Show each provider's deployments: whether they are used, what is under way, how they fare");
        command.Options.Add(json);
        return Connected(command, async (parsed, server, output, cancellation) =>
        {
            if (await server.GetAsync<ListOf<ProviderStatus>>("/v1/providers", cancellation) is not { } list) return false;
            if (parsed.GetValue(json)) await output.WriteLineAsync(JsonSerializer.Serialize(list, WireJson.Options));
            else Print(output, list.Data);
            return true;
        });
    }

    public static Command Pause()
    {
        var drain = new Option<bool>("--drain") { Description = "Let those who wait for it still go there" };
        var command = new Command("pause", "Take a provider out of use on every replica; streams under way are never cut");
        command.Options.Add(drain);
        return Order(command, (parsed, name) => $"{name}/pause?drain={(parsed.GetValue(drain) ? "true" : "false")}");
    }

    public static Command Resume() => Order(new Command("resume", "Take a paused provider back into use"), (_, name) => $"{name}/resume");

    public static Command Reset() => Order(new Command("reset", "Close a provider's breakers, forget its refused keys and the pauses it asked for"), (_, name) => $"{name}/reset");

    private static Command Order(Command command, Func<ParseResult, string, string> path)
    {
        var name = new Argument<string>("name") { Description = "The provider, as in the configuration" };
        command.Arguments.Add(name);
        return Connected(command, async (parsed, server, output, cancellation) =>
        {
            var order = await server.PostAsync<ProviderOrder>($"/v1/providers/{path(parsed, Uri.EscapeDataString(parsed.GetValue(name)!))}", new { }, cancellation);
            if (order is null) return false;
            await output.WriteLineAsync($"{order.Provider} is {order.State}{(order.Shared ? "" : ", on this replica alone")}{(order.Pause is { Drain: true } ? "; those who wait for it still go there" : "")}");
            if (order.Note is { } note) await output.WriteLineAsync($"  {note}");
            return true;
        });
    }

    private static Command Connected(Command command, Func<ParseResult, ServerConnection, TextWriter, CancellationToken, Task<bool>> run)
    {
        var flags = new ConfigurationFlags();
        flags.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var error = parsed.InvocationConfiguration.Error;
            var configuration = ConfigurationLoader.Load(flags.Sources(parsed, []));
            if (!configuration.Print(error)) return ExitCode.Usage;

            try
            {
                using var server = ServerConnection.To(configuration.Options);
                if (await run(parsed, server, parsed.InvocationConfiguration.Output, cancellation)) return ExitCode.Ok;
                await error.WriteLineAsync($"weir: nothing listens at {server.Address}. 'weir up' starts a server.");
            }
            catch (Exception fault) when (fault is ServerException or IOException or UnauthorizedAccessException)
            {
                await error.WriteLineAsync($"weir: {fault.Message}");
            }

            return ExitCode.Failed;
        });
        return command;
    }

    private static void Print(TextWriter output, IReadOnlyList<ProviderStatus> providers)
    {
        foreach (var provider in providers)
        {
            output.WriteLine($"{provider.Name} at {provider.BaseUrl}{(provider.Paused is { } pause ? $", paused since {pause.Since:u}" : "")}");
            foreach (var deployment in provider.Deployments)
            {
                var answer = deployment.Recent.Answer is { } latency ? string.Create(CultureInfo.InvariantCulture, $", p50 {latency.P50Ms:0} ms, p95 {latency.P95Ms:0} ms") : "";
                var success = deployment.Recent.Success is { } share ? string.Create(CultureInfo.InvariantCulture, $", {share:P1} answered") : "";
                var name = provider.Keys.Count > 1 ? $"{deployment.Name} (key {deployment.Key})" : deployment.Name;
                output.WriteLine($"  {name,-32} {deployment.Why ?? (deployment.Breaker.State == BreakerState.HalfOpen ? "half open" : "in use"),-12} {deployment.InFlight}/{deployment.Limit} under way, {deployment.Queued} waiting{success}{answer}");
            }
        }
    }
}
