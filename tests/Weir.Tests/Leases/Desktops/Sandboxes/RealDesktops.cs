using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Leases.Desktops;
using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

/// <summary>Real desktops of a test, in a folder of its own, all ended with it.</summary>
public sealed class RealDesktops : IAsyncDisposable
{
    private SandboxHost? _host;
    private Sandbox? _shared;

    public RealDesktops() => _host = Begin();

    public string Data { get; } = Directory.CreateTempSubdirectory("weir-desktops-").FullName;

    public string Folder => Path.Combine(Data, "desktops");

    internal SandboxHost Host => _host!;

    /// <summary>Leaves what stands to the guard and begins again, as a restart does.</summary>
    public void Restart()
    {
        _host!.Dispose();
        _host = Begin();
    }

    /// <summary>Skips the test, saying why, only where no desktop can be made.</summary>
    internal static async Task RequireAsync(SandboxPlan plan)
    {
        if (await SandboxSupport.FaultOfAsync(plan, TimeProvider.System, TestContext.Current.CancellationToken) is { } impossible)
            Assert.Skip(impossible);
    }

    internal static SandboxPlan Plan(string program, DesktopNetwork network = DesktopNetwork.None, DesktopIsolation isolation = DesktopIsolation.Sandbox) =>
        new(800, 600, DesktopProgram.Read(program)!, network, isolation);

    /// <summary>One for all tests of a class that leave it as it was.</summary>
    internal async Task<Sandbox> SharedAsync() => _shared ??= await MakeAsync("shared", Plan("xterm"));

    internal async Task<Sandbox> MakeAsync(string id, SandboxPlan plan)
    {
        await RequireAsync(plan);
        var (sandbox, fault) = await Host.CreateAsync(id, plan, TestContext.Current.CancellationToken);
        fault.ShouldBeNull();
        return sandbox!;
    }

    /// <summary>What a shell inside says, errors too.</summary>
    internal static async Task<string> InsideAsync(IDesktop desktop, string script)
    {
        var run = await desktop.RunAsync(["sh", "-c", "exec 2>&1; " + script], default, 1 << 20, TestContext.Current.CancellationToken);
        run.Fault.ShouldBeNull();
        return Encoding.UTF8.GetString(run.Output.Span).Trim();
    }

    /// <summary>Processes of this machine whose command has a text in it.</summary>
    public static IReadOnlyList<int> ProcessesWith(string text) =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(folder => Path.GetFileName(folder)).Where(name => int.TryParse(name, out _)).Select(int.Parse)
            .Where(pid => pid != Environment.ProcessId && ProcessIdentity.Of(pid) is not null && Command(pid).Contains(text, StringComparison.Ordinal)),
    ];

    public async ValueTask DisposeAsync()
    {
        await Host.AdoptAsync([], CancellationToken.None);
        await Host.LeaveAsync(_ => false);
        Host.Dispose();
        Directory.Delete(Data, recursive: true);
    }

    // A machine that does much else needs longer than anybody would wait for a desktop.
    private SandboxHost Begin() => new(new SandboxOptions { Folder = Folder, StartWithin = TimeSpan.FromMinutes(4) }, TimeProvider.System, NullLogger<SandboxHost>.Instance);

    private static string Command(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
