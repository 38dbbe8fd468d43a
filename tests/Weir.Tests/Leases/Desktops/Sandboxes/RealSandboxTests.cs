using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Leases.Desktops;
using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

/// <summary>Real desktops of this machine, made, attacked from inside and ended. Skipped, saying why, only where none can be made.</summary>
public sealed class RealSandboxTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("weir-desktops-").FullName;
    private readonly SandboxHost _host;

    public RealSandboxTests() => _host = Host(_data);

    [Fact]
    public async Task Create_Xterm_ShowsAWindow()
    {
        var sandbox = await MakeAsync("a", "xterm");

        Console.WriteLine(Said(await InsideAsync(sandbox, "exec 2>&1; date +%s.%N; fc-match mono; date +%s.%N; xterm -e true; date +%s.%N; xdotool search --onlyvisible --class .; date +%s.%N;ps -eo pid,etimes,time,cmd | tail -5; sleep 1; xdotool search --onlyvisible --class .; xdotool search --onlyvisible --name .; xdotool search --class . getwindowname %@; for i in $(xdotool search --class .); do xdotool getwindowgeometry $i; done")));
        Said(await InsideAsync(sandbox, "xdotool search --onlyvisible --class . getwindowname")).ShouldContain("xterm");
        Said(await InsideAsync(sandbox, "id -u; hostname; echo $HOME; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .ShouldBe(["1000", "desktop", "/home/user", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"]);
    }

    public void Dispose()
    {
        _host.LeaveAsync(_ => false).GetAwaiter().GetResult();
        _host.Dispose();
        Directory.Delete(_data, recursive: true);
    }

    internal static SandboxHost Host(string data, TimeSpan? guard = null) =>
        new(new SandboxOptions { Folder = Path.Combine(data, "desktops"), GuardWait = guard ?? TimeSpan.FromSeconds(60) }, TimeProvider.System, NullLogger<SandboxHost>.Instance);

    internal static SandboxPlan Plan(string program, DesktopNetwork network = DesktopNetwork.None, DesktopIsolation isolation = DesktopIsolation.Sandbox) =>
        new(800, 600, program.Split(' '), network, isolation);

    private async Task<Sandbox> MakeAsync(string id, string program, DesktopNetwork network = DesktopNetwork.None)
    {
        var plan = Plan(program, network);
        if (await SandboxSupport.FaultOfAsync(plan, TimeProvider.System, TestContext.Current.CancellationToken) is { } impossible)
            Assert.Skip(impossible);
        var (sandbox, fault) = await _host.CreateAsync(id, plan, TestContext.Current.CancellationToken);
        fault.ShouldBeNull();
        return sandbox!;
    }

    private static async Task<DesktopRun> InsideAsync(Sandbox sandbox, string script) =>
        await sandbox.RunAsync(["sh", "-c", script], default, 1 << 20, TestContext.Current.CancellationToken);

    private static string Said(DesktopRun run) => Encoding.UTF8.GetString(run.Output.Span) + run.Fault;
}
