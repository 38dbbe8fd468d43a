using System.Text;
using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Kinds;
using Weir.Tests.Support;
using static Weir.Tests.Leases.Desktops.Sandboxes.RealDesktops;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

/// <summary>Real desktops: made, used, changed and ended.</summary>
public sealed class SandboxTests(RealDesktops desktops) : IClassFixture<RealDesktops>
{
    private readonly RealDesktops _desktops = desktops;

    [Fact]
    public async Task Create_Xterm_ShowsAWindowAsAUserOfItsOwn()
    {
        var sandbox = await _desktops.SharedAsync();

        (await InsideAsync(sandbox, "xdotool search --onlyvisible --class . getwindowname")).ShouldContain("xterm");
        (await InsideAsync(sandbox, "id -u; hostname; echo $HOME; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status")).Split('\n')
            .ShouldBe(["1000", "desktop", "/home/user", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"]);
    }

    [Fact]
    public async Task Create_Chromium_ShowsAPageWithItsOwnSandbox()
    {
        var sandbox = await _desktops.MakeAsync("browser", Plan("chromium"));

        // Windows of a browser that begins come and go.
        (await InsideAsync(sandbox, Titled("Chromium"))).ShouldContain("Chromium");
        var (page, fault) = await _desktops.Host.ChangeAsync(sandbox, 800, 600, "data:text/html,<title>opened</title>", TestContext.Current.CancellationToken);
        fault.ShouldBeNull();
        (await InsideAsync(page!, Titled("opened"))).ShouldContain("opened");
        (await InsideAsync(page!, "ps -eo args")).ShouldNotContain("--no-sandbox");
    }

    [Fact]
    public async Task Create_Always_GoesBeforeItsMakerWhereMemoryRunsOut()
    {
        var sandbox = await _desktops.SharedAsync();
        var own = Score("self");

        Score($"{sandbox.Facts.First.Pid}").ShouldBe(Math.Min(1000, own + 200));
        (await InsideAsync(sandbox, "cat /proc/self/oom_score_adj /proc/$(pgrep -x xterm)/oom_score_adj")).ShouldBe($"{Math.Min(1000, own + 200)}\n{Math.Min(1000, own + 500)}");
    }

    [Fact]
    public async Task Create_FolderOfDesktopsRemoved_IsRefusedSayingSo()
    {
        await RequireAsync(Plan("xterm"));
        var data = Directory.CreateTempSubdirectory("weir-removed-").FullName;
        using var host = new SandboxHost(new SandboxOptions { Folder = data + "/desktops" }, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<SandboxHost>.Instance);
        (await host.CreateAsync("a", Plan("xterm"), TestContext.Current.CancellationToken)).Fault.ShouldBeNull();

        Directory.Delete(data, recursive: true);

        (await host.CreateAsync("b", Plan("xterm"), TestContext.Current.CancellationToken)).Fault.ShouldNotBeNull().ShouldContain("was removed");
        Directory.Exists(data).ShouldBeFalse();
        var first = host.Find("a")!.Facts.First;
        await host.LeaveAsync(_ => false);
        first.IsAlive.ShouldBeFalse();
    }

    [Fact]
    public async Task Work_ProgramThatComputes_IsBusyAndOneThatWaitsIsNot()
    {
        var sandbox = await _desktops.MakeAsync("work", Plan("xterm"));
        var token = TestContext.Current.CancellationToken;
        await Eventually.TrueAsync(() => sandbox.WorkAsync(token).AsTask().GetAwaiter().GetResult() is { IsBusy: false });

        await InsideAsync(sandbox, "(while :; do :; done) >/dev/null 2>&1 & echo $! >/tmp/loop");

        var busy = (await sandbox.WorkAsync(token)).ShouldNotBeNull();
        busy.IsBusy.ShouldBeTrue();
        await InsideAsync(sandbox, "kill -9 $(cat /tmp/loop)");
        await Eventually.TrueAsync(() => sandbox.WorkAsync(token).AsTask().GetAwaiter().GetResult() is { IsBusy: false });
        (await _desktops.Host.ChangeAsync(sandbox, 800, 600, "other", token)).Fault.ShouldBeNull();
        (await sandbox.WorkAsync(token)).ShouldNotBeNull().Start.ShouldNotBe(busy.Start);
    }

    [Fact]
    public async Task Create_FourAtOnce_AllStandApart()
    {
        await RequireAsync(Plan("xterm"));

        var made = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => _desktops.MakeAsync($"d{i}", Plan("xterm"))));

        made.Select(sandbox => Convert.ToHexString(sandbox.Cookie.Span)).Distinct().Count().ShouldBe(4);
        foreach (var sandbox in made)
            (await InsideAsync(sandbox, "xdotool search --onlyvisible --class . | wc -l")).ShouldBe("1");
    }

    [Fact]
    public async Task Create_ProgramThatEndsAtOnce_StandsAndTriesItAgain()
    {
        var sandbox = await _desktops.MakeAsync("ends", Plan("sh -c 'echo x >>/tmp/tries'"));

        var tries = int.Parse(await InsideAsync(sandbox, "wc -l </tmp/tries"), System.Globalization.CultureInfo.InvariantCulture);

        // After 0, 0.5, 1.5 and 3.5 s, and ever more seldom: not as often as it can, even where all of this takes minutes.
        tries.ShouldBeInRange(2, 12);
        sandbox.IsAlive.ShouldBeTrue();
    }

    [Fact]
    public async Task Create_SameNameAgain_IsRefusedAndTheFirstStands()
    {
        var sandbox = await _desktops.SharedAsync();

        (await _desktops.Host.CreateAsync("shared", Plan("xterm"), TestContext.Current.CancellationToken)).Fault.ShouldNotBeNull().ShouldContain("there already");
        (await _desktops.Host.CreateAsync("../b", Plan("xterm"), TestContext.Current.CancellationToken)).Fault.ShouldNotBeNull().ShouldContain("cannot be the name");
        sandbox.IsAlive.ShouldBeTrue();
    }

    [Fact]
    public async Task Create_Cancelled_LeavesNothing()
    {
        await RequireAsync(Plan("xterm", DesktopNetwork.Nat));
        foreach (var milliseconds in (int[])[0, 30, 100, 200, 400])
        {
            using var ends = new CancellationTokenSource();
            var making = _desktops.Host.CreateAsync("gone", Plan("xterm", DesktopNetwork.Nat), ends.Token);
            await Task.WhenAny(making, Task.Delay(milliseconds, TestContext.Current.CancellationToken));
            await ends.CancelAsync();
            try
            {
                await making;
                await _desktops.Host.DestroyAsync("gone", TestContext.Current.CancellationToken);
            }
            catch (OperationCanceledException)
            {
                // As it should.
            }

            Directory.Exists(Path.Combine(_desktops.Folder, "gone")).ShouldBeFalse();
            await Eventually.TrueAsync(() => ProcessesWith(_desktops.Folder + "/gone").Count == 0);
        }
    }

    [Fact]
    public async Task Change_Size_KeepsFilesAndShowsTheProgramAnew()
    {
        var sandbox = await _desktops.MakeAsync("size", Plan("xterm"));
        await InsideAsync(sandbox, "echo kept > ~/note");

        var (changed, fault) = await _desktops.Host.ChangeAsync(sandbox, 1024, 500, null, TestContext.Current.CancellationToken);

        fault.ShouldBeNull();
        (changed!.Width, changed.Height).ShouldBe((1024, 500));
        (await InsideAsync(changed, "xdotool getdisplaygeometry; cat ~/note; xdotool search --onlyvisible --class . | wc -l")).ShouldBe("1024 500\nkept\n1");
        (await _desktops.Host.ChangeAsync(changed, 1024, 500, null, TestContext.Current.CancellationToken)).Sandbox.ShouldBeSameAs(changed);
    }

    [Fact]
    public async Task Destroy_ProcessesThatResist_EndsAllOfThem()
    {
        var sandbox = await _desktops.MakeAsync("resists", Plan("xterm", DesktopNetwork.Nat));
        var mark = "mark" + Guid.NewGuid().ToString("N");
        await InsideAsync(sandbox, $"for i in 1 2 3; do setsid sh -c \"trap '' TERM INT HUP; (setsid sh -c 'trap \\\"\\\" TERM HUP; while :; do sleep 1; done' {mark} &) ; while :; do sleep 1; done\" {mark} >/dev/null 2>&1 & done");
        await Eventually.TrueAsync(() => ProcessesWith(mark).Count >= 6);
        var network = sandbox.Facts.Network!.Value;

        await _desktops.Host.DestroyAsync("resists", TestContext.Current.CancellationToken);
        await _desktops.Host.DestroyAsync("resists", TestContext.Current.CancellationToken);

        ProcessesWith(mark).ShouldBeEmpty();
        network.IsAlive.ShouldBeFalse();
        Directory.Exists(Path.Combine(_desktops.Folder, "resists")).ShouldBeFalse();
    }

    [Fact]
    public async Task Destroy_WithoutIsolation_EndsWhatHasLeftItsSession()
    {
        var sandbox = await _desktops.MakeAsync("bare" + Guid.NewGuid().ToString("N"), Plan("xterm", DesktopNetwork.Nat, DesktopIsolation.None));
        var mark = "mark" + Guid.NewGuid().ToString("N");
        await InsideAsync(sandbox, $"for i in 1 2; do (setsid sh -c \"trap '' TERM HUP; while :; do sleep 1; done\" {mark} >/dev/null 2>&1 &); done");
        (await InsideAsync(sandbox, "xdotool search --onlyvisible --class . getwindowname")).ShouldContain("xterm");
        await Eventually.TrueAsync(() => ProcessesWith(mark).Count >= 2);

        await _desktops.Host.DestroyAsync(sandbox.Id, TestContext.Current.CancellationToken);

        ProcessesWith(mark).ShouldBeEmpty();
        Directory.Exists(SandboxCommand.BareFolder(sandbox.Id)).ShouldBeFalse();
    }

    [Fact]
    public async Task Run_Commands_TellExitOutputAndFault()
    {
        var sandbox = await _desktops.SharedAsync();
        var token = TestContext.Current.CancellationToken;
        var much = new byte[3 << 20];
        Array.Fill(much, (byte)'x');

        (await sandbox.RunAsync(["sh", "-c", "echo no >&2; exit 3"], default, 10, token)).ShouldSatisfyAllConditions(run => run.ExitCode.ShouldBe(3), run => run.Fault.ShouldBe("no\n"));
        (await sandbox.RunAsync(["sh", "-c", "kill -9 $$"], default, 10, token)).ExitCode.ShouldBe(137);
        (await sandbox.RunAsync(["wc", "-c"], much, 100, token)).ShouldSatisfyAllConditions(run => Encoding.UTF8.GetString(run.Output.Span).Trim().ShouldBe($"{much.Length}"));
        (await sandbox.RunAsync(["cat"], much, much.Length, token)).Output.Length.ShouldBe(much.Length);
        (await sandbox.RunAsync(["yes"], default, 1000, token)).ShouldSatisfyAllConditions(run => run.ExitCode.ShouldBeNull(), run => run.Fault.ShouldNotBeNull().ShouldContain("more than 1000"), run => run.Output.Length.ShouldBe(1000));
        (await sandbox.RunAsync(["/nonexistent"], default, 1000, token)).Fault.ShouldNotBeNull().ShouldContain("cannot be run");
        (await sandbox.RunAsync(["sh", "-c", "sleep 100 & echo gone"], default, 1000, token)).ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task Run_Cancelled_EndsTheCommand()
    {
        var sandbox = await _desktops.SharedAsync();
        var mark = "mark" + Guid.NewGuid().ToString("N");
        using var ends = new CancellationTokenSource();
        var running = sandbox.RunAsync(["sh", "-c", "sleep 100; :", mark], default, 10, ends.Token).AsTask();
        await Eventually.TrueAsync(() => ProcessesWith(mark).Count > 0);

        await ends.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(running);
        await Eventually.TrueAsync(() => ProcessesWith(mark).Count == 0);
    }

    private static int Score(string process) => int.Parse(File.ReadAllText($"/proc/{process}/oom_score_adj"), System.Globalization.CultureInfo.InvariantCulture);

    private static string Titled(string title) => $"for i in $(seq 200); do xdotool search --onlyvisible --name '{title}' getwindowname 2>/dev/null && break; sleep 0.1; done";
}
