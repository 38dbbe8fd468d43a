using System.Globalization;
using System.Text;
using Weir.Cli.Run.Tasks;
using Weir.Client;

namespace Weir.Cli.Run.Execution;

/// <summary>What a command finds in its environment.</summary>
internal static class TaskVariables
{
    public const string Run = "WEIR_RUN";
    public const string Attempt = "WEIR_ATTEMPT";

    // The command line's name for it, and that of the clients.
    private static readonly string[] Keys = ["WEIR_KEY", "WEIR_API_KEY"];

    // One variable of Linux holds 128 KiB, name included.
    private const int LongestVariable = 120 * 1024;

    /// <summary>Taken out of what this process itself was started with: secrets of operators, and what an outer run said.</summary>
    public static bool IsOthers(string name) =>
        name is "WEIR_ADMIN_KEY" or "WEIR_LEASE" or "WEIR_FENCE" or "WEIR_TASK" or "WEIR_TASK_ID" or Attempt or Run
        || (name.StartsWith("WEIR_", StringComparison.Ordinal)
            && (name.EndsWith("_TOKEN", StringComparison.Ordinal) || name.Contains("_TOKEN_", StringComparison.Ordinal) || (name != "WEIR_URL" && (name.EndsWith("_URL", StringComparison.Ordinal) || name.Contains("_URL_", StringComparison.Ordinal)))));

    public static Dictionary<string, string> Of(RunPlan plan, RunTask task, Lease? lease, string run, string attempt)
    {
        var variables = new Dictionary<string, string>
        {
            ["WEIR_URL"] = plan.Url.ToString().TrimEnd('/'), ["WEIR_TASK_ID"] = task.Id, [Run] = run, [Attempt] = attempt,
        };
        // Longer ones stand on the standard input alone.
        if (Encoding.UTF8.GetByteCount(task.Json) <= LongestVariable)
            variables["WEIR_TASK"] = task.Json;
        foreach (var name in plan.Key is null ? [] : Keys)
            variables[name] = plan.Key!;
        if (lease is null)
            return variables;

        variables["WEIR_LEASE"] = lease.Id;
        variables["WEIR_FENCE"] = lease.Fence.ToString(CultureInfo.InvariantCulture);
        var counts = new Dictionary<string, int>();
        foreach (var resource in lease.Resources)
        {
            var kind = NameOf(resource.Kind);
            var nth = counts[kind] = counts.GetValueOrDefault(kind) + 1;
            var suffix = nth == 1 ? "" : "_" + nth.ToString(CultureInfo.InvariantCulture);
            if (resource.BaseUrl is { } url)
                variables[$"WEIR_{kind}_URL{suffix}"] = url;
            if (resource.Token is { } token)
                variables[$"WEIR_{kind}_TOKEN{suffix}"] = token;
        }

        return variables;
    }

    /// <summary><c>remote:gpu-box</c> is <c>REMOTE_GPU_BOX</c>.</summary>
    internal static string NameOf(string kind) => new([.. kind.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToUpperInvariant(c) : '_')]);
}
