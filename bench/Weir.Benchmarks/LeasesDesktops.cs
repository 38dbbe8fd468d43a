using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Weir.Benchmarks;

/// <summary>Real desktops: one that is ready, one that has to be made, and how soon one that was used is clean.</summary>
internal static class LeasesDesktops
{
    /// <returns>Seconds to the first picture of a warm desktop and of a cold one, and from a release until it is clean. Null: this machine can have none, and why.</returns>
    public static async Task<((double Warm, double Cold, double Reset)? Times, string? Unable)> RunAsync(LeasesServer server)
    {
        for (var tries = 0; await CountAsync(server, one => one["warm"]?.GetValue<bool>() == true && (string)one["state"]! == "free") == 0; tries++)
        {
            var kind = (await server.Client.GetFromJsonAsync<JsonObject>($"/v1/kinds/{LeasesServer.Desktop}"))!;
            if (kind["unable"] is { } unable)
                return (null, unable.ToJsonString());
            if (tries == 300)
                return (null, $"no desktop was ready after 30 s: {kind.ToJsonString()}");
            await Task.Delay(100);
        }

        var (warm, first) = await TakeAsync(server);
        var (cold, second) = await TakeAsync(server);
        await server.ReleaseAsync(second);
        await server.ReleaseAsync(first);
        var released = Stopwatch.GetTimestamp();
        while (await CountAsync(server, one => (string)one["state"]! != "free") > 0)
            await Task.Delay(10);
        return ((warm, cold, Stopwatch.GetElapsedTime(released).TotalSeconds), null);
    }

    private static async Task<(double Seconds, LeaseInHand Lease)> TakeAsync(LeasesServer server)
    {
        var began = Stopwatch.GetTimestamp();
        var lease = await server.AllocateAsync(LeasesServer.AskToSee("bench", "2m", "60s", LeasesServer.Desktop));
        return (Stopwatch.GetElapsedTime(began).TotalSeconds, lease);
    }

    private static async Task<int> CountAsync(LeasesServer server, Func<JsonObject, bool> wanted) =>
        (await server.Client.GetFromJsonAsync<JsonObject>($"/v1/resources?kind={LeasesServer.Desktop}"))!["data"]!.AsArray().Count(one => wanted(one!.AsObject()));
}
