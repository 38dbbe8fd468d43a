using System.Diagnostics;
using System.Globalization;
using Weir.State;
using Weir.Tests.Support;

namespace Weir.Tests.State;

/// <summary>A real process that commits until SIGKILL takes it, and what it had been told was durable by then.</summary>
internal static class KilledProcess
{
    /// <returns>The last acknowledged number of each writer.</returns>
    public static async Task<Dictionary<string, int>> RunAsync(string state, string folder, int writers, int acknowledgements)
    {
        var info = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Weir.StateChild"))
        {
            ArgumentList = { state, folder, $"{writers}" },
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(info)!;
        using var watchdog = new Watchdog(process);
        var acknowledged = new Dictionary<string, int>();
        try
        {
            for (var seen = 0; await process.StandardOutput.ReadLineAsync() is { } line; seen++)
            {
                // Whatever it still printed counts: it had been acknowledged.
                if (line.Split(' ') is [var writer, var number, _])
                    acknowledged[writer] = int.Parse(number, CultureInfo.InvariantCulture);
                if (seen == acknowledgements)
                    process.Kill();
            }
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
            await process.WaitForExitAsync();
        }

        return acknowledged;
    }

    /// <summary>Everything acknowledged is there, and every commit is there whole or not at all.</summary>
    public static async Task VerifyAsync(IStateStore store, Dictionary<string, int> acknowledged)
    {
        var documents = (await store.ListAsync("p", "k/", null, 10_000)).ToLookup(d => d.Key.Split('/')[1]);
        acknowledged.ShouldNotBeEmpty();
        foreach (var (writer, number) in acknowledged)
        {
            var three = documents[writer].ToArray();
            three.Length.ShouldBe(3);
            three.Select(d => d.Version).Distinct().Count().ShouldBe(1);
            three.Select(d => d.Text()).Distinct().Count().ShouldBe(1);
            // One more may have landed whose acknowledgement died with the process.
            int.Parse(three[0].Text(), CultureInfo.InvariantCulture).ShouldBeInRange(number, number + 1);
        }
    }
}
