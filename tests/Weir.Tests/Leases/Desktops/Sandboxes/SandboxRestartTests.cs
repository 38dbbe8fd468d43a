using System.Diagnostics;
using System.Globalization;
using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Kinds;
using Weir.Tests.Support;
using static Weir.Tests.Leases.Desktops.Sandboxes.RealDesktops;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

/// <summary>What becomes of real desktops when the process that made them is gone.</summary>
public sealed class SandboxRestartTests : IAsyncDisposable
{
    private readonly RealDesktops _desktops = new();

    [Fact]
    public async Task Killed_NobodyComesBack_TheGuardEndsThemAll()
    {
        var facts = await KilledAsync(guardSeconds: 1, "a", "b");

        await Eventually.TrueAsync(() => !facts.Any(fact => fact.First.IsAlive || fact.Network!.Value.IsAlive));
        await Eventually.TrueAsync(() => !File.Exists(Path.Combine(_desktops.Folder, Guard.FileName)));
        Directory.EnumerateDirectories(_desktops.Folder).ShouldBeEmpty();
        // The guard itself has still to end after its last step.
        await Eventually.TrueAsync(() => ProcessesWith(_desktops.Folder).Count == 0);
    }

    [Fact]
    public async Task Killed_BackInTime_TakesOverWhatIsKnownAndEndsTheRest()
    {
        var facts = await KilledAsync(guardSeconds: 60, "a", "b");

        var adopted = await _desktops.Host.AdoptAsync(["a", "never"], TestContext.Current.CancellationToken);

        adopted.ShouldBe(["a"]);
        facts[1].First.IsAlive.ShouldBeFalse();
        var sandbox = _desktops.Host.Find("a").ShouldNotBeNull();
        (await InsideAsync(sandbox, "xdotool search --onlyvisible --class . getwindowname")).ShouldContain("xterm");
        sandbox.IsAlive.ShouldBeTrue();
        // The former one is gone, and so nothing will end it later.
        await Eventually.TrueAsync(() => ProcessesWith(_desktops.Folder).Count == 1);
        await _desktops.Host.DestroyAsync("a", TestContext.Current.CancellationToken);
        facts[0].First.IsAlive.ShouldBeFalse();
        facts[0].Network!.Value.IsAlive.ShouldBeFalse();
    }

    [Fact]
    public async Task Killed_FolderRemovedBefore_TheyEndWithTheGuard()
    {
        var facts = await KilledAsync(guardSeconds: 1, () => Directory.Delete(_desktops.Folder, recursive: true), "a", "b");

        await Eventually.TrueAsync(() => !facts.Any(fact => fact.First.IsAlive || fact.Network!.Value.IsAlive));
        await Eventually.TrueAsync(() => ProcessesWith(_desktops.Folder).Count == 0);
    }

    [Fact]
    public async Task Killed_GuardToo_TheyEndAtOnce()
    {
        var facts = await KilledAsync(guardSeconds: 600, KillGuard, "a", "b");

        await Eventually.TrueAsync(() => !facts.Any(fact => fact.First.IsAlive || fact.Network!.Value.IsAlive));
    }

    [Fact]
    public async Task LetGo_WithoutIsolationAndGuard_ItEndsWithAllThatItStarted()
    {
        var sandbox = await _desktops.MakeAsync("bare" + Guid.NewGuid().ToString("N"), Plan("xterm", DesktopNetwork.Nat, DesktopIsolation.None));
        var mark = "mark" + Guid.NewGuid().ToString("N");
        await InsideAsync(sandbox, $"(setsid sh -c \"trap '' TERM HUP; while :; do sleep 1; done\" {mark} >/dev/null 2>&1 &)");
        await Eventually.TrueAsync(() => ProcessesWith(mark).Count > 0);

        KillGuard();
        sandbox.IsAlive.ShouldBeTrue();
        _desktops.Restart();

        await Eventually.TrueAsync(() => !sandbox.Facts.First.IsAlive && ProcessesWith(mark).Count == 0);
        await Eventually.TrueAsync(() => !Directory.Exists(SandboxCommand.BareFolder(sandbox.Id)));
    }

    [Fact]
    public async Task Leave_SomeHeld_EndsTheOthersAndAnotherTakesThemOver()
    {
        var (held, free) = (await _desktops.MakeAsync("held", Plan("xterm")), await _desktops.MakeAsync("free", Plan("xterm")));

        await _desktops.Host.LeaveAsync(instance => instance == "held");
        _desktops.Restart();

        free.Facts.First.IsAlive.ShouldBeFalse();
        (await _desktops.Host.AdoptAsync(["held"], TestContext.Current.CancellationToken)).ShouldBe(["held"]);
        _desktops.Host.Find("held")!.Facts.ShouldBe(held.Facts);
    }

    [Fact]
    public async Task Leave_NoneHeld_EndsTheGuardToo()
    {
        await _desktops.MakeAsync("a", Plan("xterm"));
        ProcessesWith(_desktops.Folder).ShouldNotBeEmpty();

        await _desktops.Host.LeaveAsync(_ => false);

        await Eventually.TrueAsync(() => ProcessesWith(_desktops.Folder).Count == 0);
    }

    [Fact]
    public async Task Adopt_FactsOfAnotherProcess_TouchesNothingOfIt()
    {
        await RequireAsync(Plan("xterm"));
        using var stranger = Process.Start(new ProcessStartInfo("sleep", "100"))!;
        var folder = Directory.CreateDirectory(Path.Combine(_desktops.Folder, "a")).FullName;
        var facts = new SandboxFacts
        {
            Boot = SandboxFacts.CurrentBoot(), First = ProcessIdentity.Of(stranger.Id)!.Value with { Start = 1 }, Isolation = DesktopIsolation.Sandbox, Display = 0, Width = 800, Height = 600, Cookie = new string('0', 32),
        };
        await File.WriteAllTextAsync(Path.Combine(folder, SandboxFacts.FileName), facts.Write(), TestContext.Current.CancellationToken);

        (await _desktops.Host.AdoptAsync(["a"], TestContext.Current.CancellationToken)).ShouldBeEmpty();

        Directory.Exists(folder).ShouldBeFalse();
        stranger.HasExited.ShouldBeFalse();
        stranger.Kill();
    }

    public ValueTask DisposeAsync() => _desktops.DisposeAsync();

    /// <summary>Another process made them, and was killed.</summary>
    private Task<IReadOnlyList<SandboxFacts>> KilledAsync(int guardSeconds, params string[] names) => KilledAsync(guardSeconds, () => { }, names);

    private async Task<IReadOnlyList<SandboxFacts>> KilledAsync(int guardSeconds, Action before, params string[] names)
    {
        await RequireAsync(Plan("xterm", DesktopNetwork.Nat));
        var child = Path.Combine(AppContext.BaseDirectory, "Weir.DesktopChild.dll");
        using var process = Process.Start(new ProcessStartInfo("dotnet", [child, _desktops.Folder, guardSeconds.ToString(CultureInfo.InvariantCulture), .. names]) { RedirectStandardOutput = true })!;
        using var watchdog = new Watchdog(process);
        try
        {
            var facts = await ReadAsync(process, names);
            before();
            return facts;
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    private void KillGuard()
    {
        var words = File.ReadAllText(Path.Combine(_desktops.Folder, Guard.FileName)).Split(' ', '\n');
        new ProcessIdentity(int.Parse(words[0], CultureInfo.InvariantCulture), long.Parse(words[1], CultureInfo.InvariantCulture)).KillGroup();
    }

    private async Task<IReadOnlyList<SandboxFacts>> ReadAsync(Process process, string[] names)
    {
        while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line && line != "done")
            line.ShouldBe("stands");
        var facts = names.Select(name => SandboxFacts.Read(File.ReadAllText(Path.Combine(_desktops.Folder, name, SandboxFacts.FileName)))!).ToList();
        facts.ShouldAllBe(fact => fact.IsAlive);
        return facts;
    }
}
