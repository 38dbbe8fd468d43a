using System.Globalization;

namespace Weir.Tests.Flow;

/// <summary>Runs a random schedule many times. A failure names its seed; <c>WEIR_SEED</c> runs that one alone.</summary>
internal static class RandomSchedule
{
    public static void Run(int runs, Action<Random> schedule) =>
        RunAsync(runs, random =>
        {
            schedule(random);
            return Task.CompletedTask;
        }).GetAwaiter().GetResult();

    public static async Task RunAsync(int runs, Func<Random, Task> schedule)
    {
        var chosen = Environment.GetEnvironmentVariable("WEIR_SEED");
        if (chosen is not null)
            runs = 1;
        for (var run = 0; run < runs; run++)
        {
            var seed = chosen is null ? Random.Shared.Next() : int.Parse(chosen, CultureInfo.InvariantCulture);
            try
            {
                await schedule(new Random(seed));
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"Failed with WEIR_SEED={seed}: {error.Message}", error);
            }
        }
    }
}
