using System.Globalization;

namespace Weir.Benchmarks;

/// <summary>
/// What the gateway costs: processor time per request, added latency, bytes, allocation and memory, against nginx and a bare
/// pass-through in the same run, in turns, medians over the rounds. The machine is never quiet: read the ratios.
/// </summary>
internal static class GatewayBenchmark
{
    private static readonly int[] LargeBodies = [100_000, 1_000_000];

    public static async Task<int> RunAsync(string[] args)
    {
        if (GatewaySettings.Parse(args) is not { } settings)
        {
            await Console.Error.WriteLineAsync(GatewaySettings.Usage);
            return 2;
        }

        var folder = Directory.CreateTempSubdirectory("weir-bench-").FullName;
        try
        {
            await using var upstream = await GatewayServers.UpstreamAsync(folder);
            await using var nginx = await GatewayServers.NginxProxyAsync(folder, upstream.Url);
            await using var bare = await GatewayServers.BareAsync(upstream.Url);
            var (weir, key) = await GatewayServers.WeirAsync(folder, upstream.Url);
            await using var _ = weir;
            await using var portkey = settings.Portkey is null ? null : await GatewayServers.PortkeyAsync(settings.Portkey, upstream.Url);
            var run = new GatewayRun(settings, folder, key, upstream, nginx, bare, weir, portkey);
            Console.Write(await run.RunAsync(LargeBodies));
            return 0;
        }
        catch (InvalidOperationException failed)
        {
            await Console.Error.WriteLineAsync(failed.Message);
            return 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

/// <param name="Rounds">Turns of each server.</param>
/// <param name="Seconds">Length of one turn.</param>
/// <param name="LoadSeconds">Length of the load before memory is read again.</param>
/// <param name="Portkey">A folder with Portkey's gateway, to be measured too; null: it is not.</param>
internal sealed record GatewaySettings(int Rounds, double Seconds, double LoadSeconds, string? Portkey = null)
{
    public const string Usage =
        """
        weir bench gateway [--rounds N] [--seconds N] [--long] [--quick] [--portkey FOLDER]
          --rounds   turns of each server, 5 or more for figures that are published; default 5
          --seconds  length of one turn; default 4
          --long     5 minutes of load before memory is read again, instead of 20 seconds
          --quick    2 rounds of 1 second: whether it runs, not how fast
          --portkey  measures Portkey's gateway too: FOLDER is where npm has installed @portkey-ai/gateway
        """;

    public static GatewaySettings? Parse(string[] args)
    {
        var settings = new GatewaySettings(5, 4, 20);
        for (var i = 0; i < args.Length; i++)
        {
            var value = i + 1 < args.Length && int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : 0;
            switch (args[i])
            {
                case "--quick":
                    settings = settings with { Rounds = 2, Seconds = 1, LoadSeconds = 2 };
                    break;
                case "--long":
                    settings = settings with { LoadSeconds = 300 };
                    break;
                case "--portkey" when i + 1 < args.Length:
                    settings = settings with { Portkey = args[++i] };
                    break;
                case "--rounds" when value > 0:
                    settings = settings with { Rounds = value };
                    i++;
                    break;
                case "--seconds" when value > 0:
                    settings = settings with { Seconds = value };
                    i++;
                    break;
                default:
                    return null;
            }
        }

        return settings;
    }
}
