using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Weir.Server.Configuration;
using Weir.Server.Endpoints;
using Weir.Server.Hosting;
using Weir.Server.Leases;
using Weir.State.Configured;

namespace Weir.Cli.Commands;

/// <summary><c>weir status</c>: what the running server says of itself.</summary>
internal static class StatusCommand
{
    public static Command Create()
    {
        var flags = new ConfigurationFlags();
        var json = new Option<bool>("--json") { Description = "Print the server's answer as it came" };
        var command = new Command("status", "Say what the running server serves, with which state, and how what it depends on is");
        flags.AddTo(command);
        command.Options.Add(json);
        command.SetAction(async (parsed, cancellation) =>
        {
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            var configuration = ConfigurationLoader.Load(flags.Sources(parsed, []));
            if (!configuration.Print(error)) return ExitCode.Usage;

            try
            {
                using var server = ServerConnection.To(configuration.Options);
                var status = await server.GetAsync<StatusReport>("/v1/status", cancellation);
                if (status is null)
                {
                    await error.WriteLineAsync($"weir: nothing listens at {server.Address}. 'weir up' starts a server.");
                    return ExitCode.Failed;
                }

                if (parsed.GetValue(json)) await output.WriteLineAsync(JsonSerializer.Serialize(status, WireJson.Options));
                else Print(output, server.Address, status);
                return status.Status == "ready" ? ExitCode.Ok : ExitCode.Failed;
            }
            catch (Exception fault) when (fault is ServerException or IOException or UnauthorizedAccessException)
            {
                await error.WriteLineAsync($"weir: {fault.Message}");
                return ExitCode.Failed;
            }
        });
        return command;
    }

    private static void Print(TextWriter output, Uri address, StatusReport status)
    {
        output.WriteLine($"weir {status.Version} at {address} is {status.Status}, up {Span(status.UptimeSeconds)}");
        output.WriteLine($"  in flight      {(status.InFlight - 1).ToString(CultureInfo.InvariantCulture)}");
        output.WriteLine($"  load           {status.Load.Profile}, {status.Load.RequestsPerSecond.ToString("0.#", CultureInfo.InvariantCulture)} requests a second");
        output.WriteLine($"  providers      {List(status.Providers)}");
        output.WriteLine($"  routes         {List(status.Routes)}");
        output.WriteLine($"  embeddings     {List([.. status.EmbeddingModels.Select(model => $"{model.Name} ({model.State.ToString().ToLowerInvariant()})")])}");
        foreach (var kind in status.Kinds)
        {
            output.WriteLine($"  kind           {Line(kind)}");
            if (kind.Note is { } note) output.WriteLine($"                 {note}");
        }

        foreach (var paused in status.Paused)
            output.WriteLine($"  paused         {paused.Name}{(paused.Drain ? " (draining)" : "")} since {paused.Since:u}{(paused.Shared ? "" : ", on this replica alone")}");
        foreach (var alert in status.Alerts)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  alert          {alert.Alert} {alert.Subject} {alert.Value} (threshold {alert.Threshold}) since {alert.Since:u}"));
        foreach (var document in status.Differences ?? [])
        {
            var what = document.Drift == DriftState.Missing ? ["configured, and not there", .. document.Differences] : document.Differences;
            output.WriteLine($"  differs        {document.Kind} {document.Name}: {string.Join("; ", what)}");
        }

        if (status.Differences is { Count: > 0 })
            output.WriteLine("                 what is stored counts; 'weir apply' overwrites it with the configuration");
        output.WriteLine($"  keys           {status.Keys.ToString(CultureInfo.InvariantCulture)}");
        output.WriteLine($"  state          {status.State.Kind}{(status.State.Available ? "" : ", which does not answer")}");
        foreach (var (name, health) in status.Dependencies.OrderBy(d => d.Key, StringComparer.Ordinal))
        {
            output.WriteLine($"  {name,-14} {health.Status}");
            foreach (var detail in health.Details) output.WriteLine($"                 {detail}");
        }
    }

    private static string Line(KindView kind)
    {
        (int Count, string What)[] parts = [(kind.Leased, "leased"), (kind.Resetting, "resetting"), (kind.Quarantined, "quarantined"), (kind.Waiting, "leases waiting")];
        var counts = string.Concat(parts.Where(part => part.Count > 0).Select(part => string.Create(CultureInfo.InvariantCulture, $", {part.Count} {part.What}")));
        return string.Create(CultureInfo.InvariantCulture, $"{kind.Name}: {kind.Free} of {kind.Total} free{counts}{(kind.Unable is { } unable ? $"; not on this replica: {unable.Message}" : "")}");
    }

    private static string List(IReadOnlyList<string> names) => names.Count == 0 ? "none" : string.Join(", ", names);

    private static string Span(long seconds)
    {
        var span = TimeSpan.FromSeconds(seconds);
        return span.TotalDays >= 1 ? $"{(int)span.TotalDays} d {span.Hours} h"
            : span.TotalHours >= 1 ? $"{(int)span.TotalHours} h {span.Minutes} min"
            : span.TotalMinutes >= 1 ? $"{(int)span.TotalMinutes} min {span.Seconds} s"
            : $"{seconds} s";
    }
}
