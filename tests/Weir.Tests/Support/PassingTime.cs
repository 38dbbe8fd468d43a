namespace Weir.Tests.Support;

/// <summary>
/// Moves time by hand beside loops that wait for it: in small steps, so that each loop comes to its next wait between two of them. A loop whose thread does not get
/// its turn is no loop that is late: what does not come about soon is waited for in real time as well, for half a minute.
/// </summary>
internal static class PassingTime
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LastPart = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastStep = TimeSpan.FromMilliseconds(10);

    /// <summary>Moves time on by so much.</summary>
    public static async Task PassAsync(this ManualTimeProvider time, TimeSpan span)
    {
        for (var end = time.Elapsed + span; end - time.Elapsed is var left && left > TimeSpan.Zero;)
        {
            time.Advance(left < Step ? left : Step);
            await Task.Delay(1);
        }
    }

    /// <summary>Moves time on until something is so, however much of it that takes.</summary>
    public static async Task UntilAsync(this ManualTimeProvider time, Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            i.ShouldBeLessThan(4000, "it did not come true within 30 s");
            time.Advance(Step);
            await Task.Delay(i < 1000 ? 1 : 10);
        }
    }

    /// <summary>
    /// Moves time on until something is so that has to come about before so much of it has passed. Its last second passes ever more slowly: whoever is in time by the clock that the test moves has
    /// half a minute of real time to show it.
    /// </summary>
    public static async Task UntilAsync(this ManualTimeProvider time, Func<bool> condition, TimeSpan within)
    {
        var end = time.Elapsed + within;
        for (var slow = 0; !condition();)
        {
            var left = end - time.Elapsed;
            left.ShouldBeGreaterThan(TimeSpan.Zero, $"it did not come true within {within.TotalSeconds} s by the clock that is moved");
            var isLast = left <= LastPart;
            time.Advance(isLast ? LastStep : left - LastPart < Step ? left - LastPart : Step);
            await Task.Delay(isLast ? 1 + (++slow * slow / 10) : 1);
        }
    }

    /// <summary>Moves time on until a task has ended.</summary>
    public static async Task<T> UntilAsync<T>(this ManualTimeProvider time, Task<T> task)
    {
        await time.UntilAsync(() => task.IsCompleted);
        return await task;
    }

    /// <summary>Moves time on until a task has ended, which has to be before so much of it has passed.</summary>
    public static async Task<T> UntilAsync<T>(this ManualTimeProvider time, Task<T> task, TimeSpan within)
    {
        await time.UntilAsync(() => task.IsCompleted, within);
        return await task;
    }
}
