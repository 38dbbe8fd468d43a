using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Weir.Cli.Run;
using Weir.Cli.Run.Tasks;
using Weir.Cli.Run.Workers;
using Weir.Simulation;

namespace Weir.Cli.Commands;

/// <summary><c>weir run</c>: a command, or the built-in agent, for each task of a file, each with its lease.</summary>
internal static class RunCommand
{
    private const string DefaultUrl = "http://127.0.0.1:7800";
    private static readonly string[] KeyVariables = ["WEIR_KEY", "WEIR_API_KEY"];

    public static Command Create()
    {
        var tasks = new Argument<string>("tasks") { Description = "A file of JSON lines {id, prompt?, input?, kinds?, config?, timeout?, labels?} or of plain prompts; - reads standard input" };
        var exec = new Option<string?>("--exec") { Description = "A shell command for each task: the task comes on its standard input, its lease in WEIR_* variables, its standard output is the result", HelpName = "COMMAND" };
        var agent = new Option<bool>("--agent") { Description = "The built-in agent works instead of a command; it needs --route" };
        var route = new Option<string?>("--route") { Description = "The route or provider/model that the built-in agent asks", HelpName = "ROUTE" };
        var instructions = new Option<FileInfo?>("--instructions") { Description = "A file with the agent's system prompt", HelpName = "FILE" };
        var steps = Number("--max-steps", "Answers of the model that the agent may take", 10, 1, 1000);
        var workers = Number("--workers", "Tasks at once. Default: two for each core", 2 * Environment.ProcessorCount, 1, 10_000);
        var kinds = new Option<IReadOnlyList<KindCount>>("--kinds") { Description = "What each task leases, such as rag,vm or rag=2; a task's own kinds go before", CustomParser = KindsOf, HelpName = "KINDS" };
        var timeout = Time("--timeout", "How long one attempt may take, from its lease on", TimeSpan.FromSeconds(300));
        var retries = Number("--retries", "Attempts after a failed one", 1, 0, 100);
        var retryTimeouts = new Option<bool>("--retry-timeouts") { Description = "Timeouts are tried again too" };
        var retry = new Option<string?>("--retry") { Description = "'failed': tasks whose result is not ok are done again" };
        retry.AcceptOnlyFromAmong("failed");
        var rate = new Option<double?>("--rate") { Description = "Attempts begun, over all workers: 5/s, 100/m, 20/h", CustomParser = RateOf, HelpName = "N/s" };
        var output = new Option<string?>("--out") { Description = "Where results go. Default: <tasks>.results.jsonl", HelpName = "FILE" };
        var url = new Option<string?>("--url") { Description = $"The server. Default: WEIR_URL, else {DefaultUrl}", HelpName = "URL" };
        var key = new Option<string?>("--key") { Description = "A worker's key; better set WEIR_KEY, which other users of the machine cannot see", HelpName = "KEY" };
        var ttl = Time("--ttl", "How long a lease outlives a run that dies; it is renewed at every third", TimeSpan.FromMinutes(2));
        var priority = new Option<int?>("--priority") { Description = "Of leases and of the agent's requests, 0 to 9, 9 first" };
        var labels = new Option<Dictionary<string, string>>("--labels") { Description = "On every lease: team=search,stage=eval", CustomParser = LabelsOf, HelpName = "LABELS" };
        var quiet = new Option<bool>("--quiet") { Description = "No progress" };
        var json = new Option<bool>("--json") { Description = "The summary as one JSON object" };
        url.Validators.Add(result =>
        {
            if (UrlOf(result.GetValueOrDefault<string?>()) is null)
                result.AddError($"--url takes an http or https address such as {DefaultUrl}.");
        });
        priority.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 0 or > 9)
                result.AddError("--priority takes a number from 0 to 9.");
        });

        var command = new Command("run", "Run a command or the built-in agent for each task of a file, each with its lease: exit 0 all are ok, 1 some are not, 2 wrong usage, 130 interrupted")
        {
            tasks, exec, agent, route, instructions, steps, workers, kinds, timeout, retries, retryTimeouts, retry, rate, output, url, key, ttl, priority, labels, quiet, json,
        };
        command.Validators.Add(result =>
        {
            var isAgent = result.GetValue(agent) || result.GetValue(route) is not null;
            if (result.GetValue(exec) is not null == isAgent)
                result.AddError(isAgent ? "Either --exec works or the built-in agent, not both." : "Say what works: --exec \"python agent.py\", or --route ROUTE for the built-in agent.");
            else if (isAgent && string.IsNullOrEmpty(result.GetValue(route)))
                result.AddError("--agent needs --route, the model that it asks.");
            else if (result.GetValue(exec) is { } text && string.IsNullOrWhiteSpace(text))
                result.AddError("--exec takes a command.");
        });
        command.SetAction(async (parsed, _) =>
        {
            var (console, error) = (parsed.InvocationConfiguration, parsed.InvocationConfiguration.Error);
            try
            {
                var prompt = parsed.GetValue(instructions) is { } file ? await File.ReadAllTextAsync(file.FullName, CancellationToken.None) : null;
                var plan = new RunPlan
                {
                    Url = UrlOf(parsed.GetValue(url))!,
                    Key = parsed.GetValue(key) ?? KeyVariables.Select(Environment.GetEnvironmentVariable).FirstOrDefault(value => !string.IsNullOrEmpty(value)),
                    Workers = parsed.GetValue(workers),
                    Kinds = parsed.GetValue(kinds) ?? [],
                    Command = parsed.GetValue(exec),
                    Agent = parsed.GetValue(route) is { } asked ? new AgentPlan(asked, prompt, parsed.GetValue(steps)) : null,
                    Timeout = parsed.GetValue(timeout),
                    Retries = parsed.GetValue(retries),
                    RetryTimeouts = parsed.GetValue(retryTimeouts),
                    Rate = parsed.GetValue(rate),
                    Ttl = parsed.GetValue(ttl),
                    Priority = parsed.GetValue(priority),
                    Labels = parsed.GetValue(labels) ?? [],
                };
                return await RunAsync(plan, parsed.GetValue(tasks)!, parsed.GetValue(output), parsed.GetValue(retry) is not null, new RunConsole(
                    console.Output, error, parsed.GetValue(quiet), parsed.GetValue(json), !Console.IsErrorRedirected));
            }
            catch (FormatException fault)
            {
                await error.WriteLineAsync($"weir: {fault.Message}");
                return ExitCode.Usage;
            }
            catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
            {
                await error.WriteLineAsync($"weir: {fault.Message}");
                return ExitCode.Usage;
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or RunStoppedException)
            {
                await error.WriteLineAsync($"weir: {fault.Message}");
                return ExitCode.Failed;
            }
        });
        return command;
    }

    private static async Task<int> RunAsync(RunPlan plan, string tasks, string? output, bool redoFailed, RunConsole console)
    {
        using var signals = new StopSignals(() => console.Error.WriteLine($"{(console.IsTerminal ? "\n" : "")}weir: stopping; what is under way is ended and done again by the next run. Once more: at once."));
        try
        {
            using var source = await TaskSource.OpenAsync(tasks, output, Console.OpenStandardInput(), signals.Stop);
            return await new RunSession(plan, source, redoFailed, console, TimeProvider.System).RunAsync(signals);
        }
        catch (OperationCanceledException) when (signals.Stop.IsCancellationRequested)
        {
            return 130;
        }
    }

    private static Uri? UrlOf(string? given)
    {
        var text = given ?? (Environment.GetEnvironmentVariable("WEIR_URL") is { Length: > 0 } named ? named : DefaultUrl);
        return Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" ? uri : null;
    }

    private static Option<int> Number(string name, string description, int usual, int least, int most)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => usual, HelpName = "N" };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && (!int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value < least || value > most))
                result.AddError($"{name} takes a number from {least} to {most}.");
        });
        return option;
    }

    private static Option<TimeSpan> Time(string name, string description, TimeSpan usual) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => usual,
        CustomParser = result =>
        {
            if (!Duration.TryParse(result.Tokens[0].Value, out var value) || value < TimeSpan.FromSeconds(1))
                result.AddError($"{name} takes a duration of 1s or more, such as 90s, 5m or 1h.");
            return value;
        },
    };

    private static IReadOnlyList<KindCount> KindsOf(ArgumentResult result)
    {
        var (kinds, fault) = KindCount.Parse(string.Join(',', result.Tokens.Select(token => token.Value)));
        if (fault is not null || kinds.Count == 0)
            result.AddError($"--kinds: {fault ?? "it names none"}.");
        return kinds;
    }

    private static double? RateOf(ArgumentResult result)
    {
        if (!StartPace.TryParse(result.Tokens[0].Value, out var rate))
            result.AddError("--rate takes a rate such as 5/s, 100/m or 20/h.");
        return rate;
    }

    private static Dictionary<string, string> LabelsOf(ArgumentResult result)
    {
        var labels = new Dictionary<string, string>();
        foreach (var part in result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
        {
            if (part.IndexOf('=', StringComparison.Ordinal) is var equals and > 0)
                labels[part[..equals]] = part[(equals + 1)..];
            else
                result.AddError($"--labels: '{part}' is no name=value.");
        }

        return labels;
    }
}
