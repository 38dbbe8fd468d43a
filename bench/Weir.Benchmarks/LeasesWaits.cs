using System.Diagnostics;

namespace Weir.Benchmarks;

/// <summary>How long one who asks for a lease waits for it, seen by the client.</summary>
internal static class LeasesWaits
{
    /// <summary>Requests come as they come, a Poisson process of a rate, whether or not those before were answered; each is measured from when it was due, and given back once it is answered.</summary>
    /// <returns>Milliseconds, in order.</returns>
    public static async Task<double[]> PoissonAsync(LeasesServer server, double rate, double seconds, int seed, object ask)
    {
        var random = new Random(seed);
        var running = new List<Task<double>>();
        var began = Stopwatch.GetTimestamp();
        for (var due = 0.0; due < seconds; due += -Math.Log(1 - random.NextDouble()) / rate)
        {
            var wait = due - Stopwatch.GetElapsedTime(began).TotalSeconds;
            if (wait > 0)
                await Task.Delay(TimeSpan.FromSeconds(wait));
            var at = due;
            running.Add(Task.Run(async () =>
            {
                var lease = await server.AllocateAsync(ask);
                var took = Stopwatch.GetElapsedTime(began).TotalSeconds - at;
                await server.ReleaseAsync(lease);
                return took * 1e3;
            }));
        }

        return [.. (await Task.WhenAll(running)).Order()];
    }

    /// <summary>All at the same moment, over connections that are open already.</summary>
    /// <returns>Milliseconds until each had its lease, in order.</returns>
    public static async Task<double[]> BurstAsync(LeasesServer server, int count, object ask)
    {
        var began = Stopwatch.GetTimestamp();
        var leases = await Task.WhenAll(Enumerable.Range(0, count).Select(async _ => (Lease: await server.AllocateAsync(ask), Took: Stopwatch.GetElapsedTime(began).TotalMilliseconds)));
        await Parallel.ForEachAsync(leases, new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (one, token) => await server.ReleaseAsync(one.Lease, token));
        return [.. leases.Select(one => one.Took).Order()];
    }

    /// <summary>One after the other.</summary>
    /// <returns>Milliseconds, in order.</returns>
    public static async Task<double[]> AloneAsync(LeasesServer server, int count, object ask)
    {
        var times = new double[count];
        for (var i = 0; i < count; i++)
        {
            var began = Stopwatch.GetTimestamp();
            var lease = await server.AllocateAsync(ask);
            times[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            await server.ReleaseAsync(lease);
        }

        Array.Sort(times);
        return times;
    }

    public static double At(this double[] sorted, double share) => sorted[(int)((sorted.Length - 1) * share)];

    public static double Median(this IEnumerable<double> values) => values.Order().ToArray().At(0.5);
}
