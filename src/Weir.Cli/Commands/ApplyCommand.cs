using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Weir.Server.Applying;
using Weir.Server.Configuration;
using Weir.Server.Endpoints;
using Weir.Server.Hosting;
using Weir.State.Configured;

namespace Weir.Cli.Commands;

/// <summary><c>weir apply</c>: has the running server overwrite stored collections, catalogs and kinds with what its configuration says.</summary>
internal static class ApplyCommand
{
    public static Command Create()
    {
        var flags = new ConfigurationFlags();
        var dryRun = new Option<bool>("--dry-run") { Description = "Only say what would be done" };
        var json = new Option<bool>("--json") { Description = "Print the server's answer as it came" };
        var command = new Command("apply", "Overwrite stored collections, catalogs and kinds with what the running server's configuration says; nothing is deleted");
        flags.AddTo(command);
        command.Options.Add(dryRun);
        command.Options.Add(json);
        command.SetAction(async (parsed, cancellation) =>
        {
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            var configuration = ConfigurationLoader.Load(flags.Sources(parsed, []));
            if (!configuration.Print(error)) return ExitCode.Usage;

            try
            {
                using var server = ServerConnection.To(configuration.Options);
                var report = await server.PostAsync<ApplyReport>("/v1/apply", new ApplyRequest { DryRun = parsed.GetValue(dryRun) }, cancellation);
                if (report is null)
                {
                    await error.WriteLineAsync($"weir: nothing listens at {server.Address}. 'weir up' starts a server, which makes what is missing.");
                    return ExitCode.Failed;
                }

                if (parsed.GetValue(json)) await output.WriteLineAsync(JsonSerializer.Serialize(report, WireJson.Options));
                else Print(output, report);
                return report.Data.All(document => document.Error is null) ? ExitCode.Ok : ExitCode.Failed;
            }
            catch (Exception fault) when (fault is ServerException or IOException or UnauthorizedAccessException)
            {
                await error.WriteLineAsync($"weir: {fault.Message}");
                return ExitCode.Failed;
            }
        });
        return command;
    }

    internal static void Print(TextWriter output, ApplyReport report)
    {
        foreach (var document in report.Data)
        {
            output.WriteLine($"{document.Kind} {document.Name}: {Verdict(document)}");
            foreach (var difference in document.Differences) output.WriteLine($"  {difference}");
            if (document.Error is { } why) output.WriteLine($"  {why}");
        }

        var changes = report.Data.Count(document => report.DryRun ? document.Drift is DriftState.Differs or DriftState.Missing : document.Done == true);
        var failed = report.Data.Count(document => document.Error is not null);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{changes} {(report.DryRun ? "to change" : "changed")}, {failed} failed, {report.Data.Count(document => document.Drift == DriftState.None)} as configured"));
        var alone = report.Data.Where(document => document.Drift == DriftState.Unnamed).Select(document => $"/v1/{document.Kind}s/{{name}}").Distinct(StringComparer.Ordinal).ToList();
        if (alone.Count > 0)
            output.WriteLine($"What the configuration does not name is left alone: DELETE {string.Join(" or ", alone)} removes it.");
    }

    private static string Verdict(DocumentReport document) => document switch
    {
        { Error: not null } => "failed",
        { Drift: DriftState.None } => "as configured",
        { Drift: DriftState.Unnamed } => "not in the configuration, left alone",
        { Drift: DriftState.Missing, Done: true } => "made",
        { Drift: DriftState.Missing } => "would be made",
        { Done: true } => "overwritten",
        _ => "would be overwritten",
    };
}
