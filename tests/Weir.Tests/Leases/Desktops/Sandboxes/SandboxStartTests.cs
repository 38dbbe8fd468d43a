using System.Globalization;
using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Kinds;
using static Weir.Tests.Leases.Desktops.Sandboxes.RealDesktops;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

/// <summary>In what order a real desktop is made.</summary>
public sealed class SandboxStartTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("weir-start-").FullName;

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task Start_WithANetwork_MakesItOnceTheWallsStandAndStartsTheProgramWhenItIsThere()
    {
        var plan = Plan("sh -c 'cat /proc/net/route >/tmp/first; exec xterm'", DesktopNetwork.Nat);
        await RequireAsync(plan);
        var options = new SandboxOptions { Folder = Path.Combine(_data, "desktops"), StartWithin = TimeSpan.FromMinutes(4) };
        using var folder = await SandboxFolder.OpenAsync(options.Folder, TimeProvider.System, TestContext.Current.CancellationToken);
        IReadOnlyList<string> atFirst = [], later = [];
        var start = new SandboxStart(folder, options, TimeProvider.System, async (at, first, cancellationToken) =>
        {
            atFirst = Inside(first);
            // Whatever does not wait for the network begins meanwhile.
            await Task.Delay(300, cancellationToken);
            later = Inside(first);
            return await SandboxNetwork.AttachAsync(at, first, cancellationToken);
        });

        var (sandbox, fault) = await start.StartAsync("a", plan, TestContext.Current.CancellationToken);

        fault.ShouldBeNull();
        try
        {
            // Until the walls stand, bubblewrap has not given its place to what is to run behind them.
            atFirst.ShouldHaveSingleItem().ShouldStartWith("/usr/bin/python3 ");
            later.ShouldBe(atFirst);
            (await InsideAsync(sandbox!, "cat /tmp/first")).ShouldContain("tap0");
        }
        finally
        {
            sandbox!.Dispose();
            await SandboxEnd.EndAsync(sandbox.Facts, "a", TimeProvider.System);
        }
    }

    [Fact]
    public async Task Start_NetworkIsNotMade_SaysWhyAndLeavesNothing()
    {
        var plan = Plan("xterm", DesktopNetwork.Nat);
        await RequireAsync(plan);
        var options = new SandboxOptions { Folder = Path.Combine(_data, "desktops"), StartWithin = TimeSpan.FromMinutes(4) };
        using var folder = await SandboxFolder.OpenAsync(options.Folder, TimeProvider.System, TestContext.Current.CancellationToken);
        ProcessIdentity? walls = null;
        var start = new SandboxStart(folder, options, TimeProvider.System, (_, first, _) =>
        {
            walls = first;
            return Task.FromResult<(ProcessIdentity?, string?)>((null, "No way out was found"));
        });

        var (sandbox, fault) = await start.StartAsync("a", plan, TestContext.Current.CancellationToken);

        sandbox.ShouldBeNull();
        fault.ShouldBe("No way out was found.");
        walls!.Value.IsAlive.ShouldBeFalse();
        folder.Instances.ShouldBeEmpty();
    }

    /// <summary>The commands of all that descends from a sandbox's first process.</summary>
    private static List<string> Inside(ProcessIdentity first)
    {
        var found = new List<string>();
        for (var left = new Queue<int>([first.Pid]); left.TryDequeue(out var parent);)
        {
            foreach (var child in Directory.GetDirectories($"/proc/{parent}/task").SelectMany(task => File.ReadAllText(task + "/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            {
                found.Add(File.ReadAllText($"/proc/{child}/cmdline").Replace('\0', ' '));
                left.Enqueue(int.Parse(child, CultureInfo.InvariantCulture));
            }
        }

        return found;
    }
}
