using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Weir.Benchmarks;

/// <summary>The figures as Markdown, with the machine they were taken on.</summary>
internal sealed class GatewayReport
{
    private readonly StringBuilder _text = new();

    public GatewayReport(GatewaySettings settings)
    {
        var model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[^1].Trim() ?? "unknown processor";
        Put($"Machine: {Environment.ProcessorCount} cores of {model}, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, {(IsRelease ? "release" : "DEBUG: not to be published")} build.");
        Put($"Client, upstream and gateway share its cores. Medians of {settings.Rounds} rounds of {settings.Seconds} s, each server in turn. Range: lowest to highest round.");
    }

    private static bool IsRelease =>
#if DEBUG
        false;
#else
        true;
#endif

    public static double Median<T>(IEnumerable<T> items, Func<T, double> value)
    {
        var sorted = items.Select(value).Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    public void Add(string title, string unit, double scale, Dictionary<string, List<GatewayCost>> costs)
    {
        Put($"\n**{title}**\n\n| | {unit} | range | requests a second | to bare | to nginx |\n|---|---|---|---|---|---|");
        var medians = costs.ToDictionary(cost => cost.Key, cost => Median(cost.Value, item => item.Processor));
        var (toNginx, toBare) = (medians.Values.First(), medians.Values.ElementAt(1));
        foreach (var (name, items) in costs)
        {
            var all = items.Select(item => item.Processor * scale);
            Put($"| {name} | {medians[name] * scale:0.0} | {all.Min():0.0} to {all.Max():0.0} | {Median(items, item => item.Rate):N0} | {medians[name] / toBare:0.00} | {medians[name] / toNginx:0.00} |");
        }
    }

    public void AddLatency(List<(string Name, double P50, double P99)> latencies)
    {
        Line("\n**Latency, one connection, µs**\n\n| | p50 | p99 | added p50 | added p99 |\n|---|---|---|---|---|");
        var direct = latencies[0];
        foreach (var (name, p50, p99) in latencies)
            Put($"| {name} | {p50:0} | {p99:0} | {p50 - direct.P50:0} | {p99 - direct.P99:0} |");
    }

    public void AddAllocation(double weir, double bare) =>
        Put($"\n**Allocated per request, 0.4 kB**: Weir {weir:N0} bytes, bare Kestrel {bare:N0} bytes.");

    public void AddMemory(double atStart, (double Before, double After, double Rested) memory, double afterLargeBodies) =>
        Put($"\n**Resident memory of Weir, MB**: {atStart:0} once started; with bodies of 0.4 kB {memory.Before:0} before the load, {memory.After:0} after it, {memory.Rested:0} after a rest ({memory.Rested / memory.Before - 1:+0%;-0%;0%}); {afterLargeBodies:0} after all large bodies.");

    public override string ToString() => _text.ToString();

    private void Put(FormattableString line) => _text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private void Line(string line) => _text.Append(line).Append('\n');
}
