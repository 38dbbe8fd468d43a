namespace Weir.Tests.Support;

/// <summary>For what another process or the operating system does in its own time: looked at again and again, with a bound far beyond the usual.</summary>
internal static class Eventually
{
    public static async Task TrueAsync(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            i.ShouldBeLessThan(3000, "it did not come true within 30 s");
            await Task.Delay(10);
        }
    }

    public static async Task TrueAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; !await condition(); i++)
        {
            i.ShouldBeLessThan(3000, "it did not come true within 30 s");
            await Task.Delay(10);
        }
    }
}
