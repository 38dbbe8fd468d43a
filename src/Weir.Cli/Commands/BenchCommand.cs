using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using Weir.Cli.Load;
using Weir.Server.Hosting;
using Weir.Simulation;

namespace Weir.Cli.Commands;

/// <summary><c>weir bench load</c>: load on any OpenAI-compatible server, with an exit code for pipelines.</summary>
internal static class BenchCommand
{
    private const string KeyVariable = "WEIR_KEY";
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(1);

    public static Command Create() => new("bench", "Measure a server") { Load() };

    private static Command Load()
    {
        var url = new Option<string>("--url") { Description = "The server; without a path /v1 is meant", DefaultValueFactory = _ => "http://127.0.0.1:7800/v1" };
        var model = new Option<string>("--model") { Description = "The model to ask for", Required = true };
        var rate = Positive("--rate", "Requests a second on average, at random", 10);
        var duration = Time("--duration", "How long requests arrive", TimeSpan.FromSeconds(30));
        var concurrency = new Option<int>("--concurrency") { Description = "Requests in flight at the most", DefaultValueFactory = _ => 256 };
        var stream = new Option<bool>("--stream") { Description = "Ask for streams, and judge the time to the first token" };
        var key = new Option<string?>("--key") { Description = $"The bearer; default: the variable {KeyVariable}" };
        var prompt = new Option<int>("--prompt-tokens") { Description = "Tokens in each prompt, about", DefaultValueFactory = _ => 100 };
        var most = new Option<int>("--max-tokens") { Description = "Tokens in each answer at the most", DefaultValueFactory = _ => 64 };
        var success = new Option<double>("--success-below") { Description = "Exit 1 when a smaller share succeeds", DefaultValueFactory = _ => 0.999 };
        var latency = Time("--latency-over", "Exit 1 when the 95th percentile is longer", TimeSpan.FromSeconds(2));
        var throughput = new Option<double?>("--throughput-below") { Description = "Exit 1 when fewer requests a second succeed" };
        var json = new Option<bool>("--json") { Description = "Print one JSON object" };
        var outFile = new Option<FileInfo?>("--out") { Description = "Also write the JSON there" };
        Bound(concurrency, 1, 100_000);
        Bound(prompt, 1, 1_000_000);
        Bound(most, 1, 1_000_000);
        success.Validators.Add(result =>
        {
            if (FigureOf(result) is < 0 or > 1) result.AddError("--success-below takes a share from 0 to 1, such as 0.999.");
        });
        url.Validators.Add(result =>
        {
            if (!IsHttp(result.GetValueOrDefault<string>())) result.AddError("--url takes an http or https address such as http://127.0.0.1:7800/v1.");
        });

        var command = new Command("load", "Send chat requests at a rate, and say how they fared: exit 0 within the thresholds, 1 beyond, 2 wrong usage")
        {
            url, model, rate, duration, concurrency, stream, key, prompt, most, success, latency, throughput, json, outFile,
        };
        command.SetAction((parsed, stop) => RunAsync(
            new LoadPlan
            {
                BaseUrl = WithPath(new Uri(parsed.GetValue(url)!)),
                Model = parsed.GetValue(model)!,
                Key = parsed.GetValue(key) ?? Environment.GetEnvironmentVariable(KeyVariable),
                Rate = parsed.GetValue(rate),
                Duration = parsed.GetValue(duration),
                Concurrency = parsed.GetValue(concurrency),
                Stream = parsed.GetValue(stream),
                PromptTokens = parsed.GetValue(prompt),
                MaxTokens = parsed.GetValue(most),
                SuccessBelow = parsed.GetValue(success),
                LatencyOver = parsed.GetValue(latency),
                ThroughputBelow = parsed.GetValue(throughput),
            },
            parsed.GetValue(json),
            parsed.GetValue(outFile),
            parsed.InvocationConfiguration,
            stop));
        return command;
    }

    private static async Task<int> RunAsync(LoadPlan plan, bool json, FileInfo? file, InvocationConfiguration console, CancellationToken stop)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = plan.Concurrency, AllowAutoRedirect = false })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        using var run = new LoadRun(plan, http, TimeProvider.System, new Random());
        var running = run.RunAsync(stop);
        await TellAsync(run, running, console.Error);
        var report = LoadReport.Of(await running);
        var text = JsonSerializer.Serialize(report, WireJson.Options);
        if (json) await console.Output.WriteLineAsync(text);
        else report.Print(console.Output);
        try
        {
            if (file is not null) await File.WriteAllTextAsync(file.FullName, text + "\n", CancellationToken.None);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            await console.Error.WriteLineAsync($"weir: {file!.FullName} cannot be written: {fault.Message}");
            return ExitCode.Failed;
        }

        return report.Breaches.Count == 0 ? ExitCode.Ok : ExitCode.Failed;
    }

    // One line that is written over, where somebody watches.
    private static async Task TellAsync(LoadRun run, Task running, TextWriter error)
    {
        var isWatched = !Console.IsErrorRedirected;
        while (!running.IsCompleted)
        {
            using var tick = new CancellationTokenSource();
            var pause = Task.Delay(ProgressEvery, TimeProvider.System, tick.Token);
            await Task.WhenAny(running, pause);
            await tick.CancelAsync();
            if (isWatched)
            {
                var line = string.Create(CultureInfo.InvariantCulture, $"\r{run.Tally.Finished} finished, {LoadVerdict.Percent(run.Tally.Success)} well, {run.InFlight} in flight, {run.Pending - run.InFlight} held ");
                await error.WriteAsync(line);
            }
        }

        if (isWatched) await error.WriteLineAsync();
    }

    // Null: not given, or no number, which is told without us.
    private static double? FigureOf(OptionResult result) =>
        result.Tokens is [var token, ..] && double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var figure) ? figure : null;

    private static Uri WithPath(Uri url) => url.AbsolutePath == "/" ? new Uri(url, "/v1") : url;

    private static bool IsHttp(string? text) => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";

    private static void Bound(Option<int> option, int least, int most) => option.Validators.Add(result =>
    {
        if (FigureOf(result) is { } value && (value < least || value > most))
            result.AddError($"{option.Name} takes a number from {least} to {most}.");
    });

    private static Option<double> Positive(string name, string description, double value)
    {
        var option = new Option<double>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (FigureOf(result) is <= 0 or > 100_000) result.AddError($"{name} takes a number above 0, up to 100000.");
        });
        return option;
    }

    private static Option<TimeSpan> Time(string name, string description, TimeSpan value) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => value,
        CustomParser = result =>
        {
            if (!Duration.TryParse(result.Tokens[0].Value, out var span) || span <= TimeSpan.Zero) result.AddError($"{name} takes a duration such as 200ms, 30s or 2m.");
            return span;
        },
    };
}
