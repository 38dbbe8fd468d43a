using System.Diagnostics;
using Weir.Client;
using Weir.Tests.Server;
using Weir.Tests.Server.Leases;
using Weir.Tests.Support;

namespace Weir.Tests.Client;

/// <summary>A process of its own that ends without giving back what it leased.</summary>
public sealed class ExitReleasesTests
{
    [Theory]
    [InlineData("return", 0)]
    [InlineData("exit", 3)]
    [InlineData("throw", 134)]
    [InlineData("crash", 134)]
    public async Task End_OfAProcessWithALease_GivesItBack(string end, int code)
    {
        await using var server = await RunningServer.StartAsync(SmallKinds.Options(null, ("plain", new() { Capacity = 1 })) with { Sockets = true });
        await server.IsFreeAsync("plain", 1);
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Weir.ClientChild"), [server.Address.ToString(), "plain", end])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        using var watchdog = new Watchdog(process);

        var error = process.StandardError.ReadToEndAsync();
        var id = (await process.StandardOutput.ReadToEndAsync()).Trim();
        await process.WaitForExitAsync();

        process.ExitCode.ShouldBe(code, await error);
        using var client = new WeirClient(server.Client);
        (await client.Leases.GetAsync(id)).State.ShouldBe("released");
    }
}
