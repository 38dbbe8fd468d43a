using System.Diagnostics;
using System.Text.Json;
using Weir.Leases.Desktops.Input;
using Weir.Leases.Desktops.X11;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Desktops.Input;

/// <summary>Against a real X server with a real window manager.</summary>
public sealed class InputRunnerTests : IAsyncLifetime
{
    private XServer _server = null!;
    private XDisplay _display = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await XServer.StartAsync(800, 400);
        _display = await XDisplay.OpenAsync(_server.DisplaySocket, _server.Cookie, TimeProvider.System, Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _display.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Run_KeysAfterAClickThatIsHeldBack_GoWhereItLeads()
    {
        var windows = _server.Start("openbox", []);
        await UntilAsync("xdotool", "get_num_desktops");
        foreach (var (name, place) in (ReadOnlySpan<(string, string)>)[("left", "30x10+0+50"), ("right", "30x10+450+50")])
            _server.Start("xterm", ["-title", name, "-geometry", place, "-e", "sh", "-c", $"cat >{_server.Folder}/{name}"]);
        await UntilAsync("xdotool", "search", "--sync", "--onlyvisible", "--name", "^left$");
        await UntilAsync("xdotool", "search", "--sync", "--onlyvisible", "--name", "^right$");
        (await RunAsync("""[{"type":"click","x":60,"y":120},{"type":"type","text":"one\n"}]""")).Error.ShouldBeNull();
        await BecomesAsync("left", "one\n");

        Signal(windows, "STOP");
        var acting = RunAsync("""[{"type":"click","x":520,"y":120},{"type":"type","text":"two\n"}]""");
        // The click is sent and has not been let through.
        await Eventually.TrueAsync(async () => (await _display.FocusAsync()).Buttons == 1);
        Signal(windows, "CONT");
        (await acting).Error.ShouldBeNull();

        await BecomesAsync("right", "two\n");
        (await File.ReadAllTextAsync(Path.Combine(_server.Folder, "left"), Token)).ShouldBe("one\n");
    }

    [Fact]
    public async Task Run_ManyDifferentCharactersCancelled_TellsHowManyWereTyped()
    {
        using var leaving = new CancellationTokenSource();
        var runner = Runner();
        var text = string.Concat(Enumerable.Range(0x4e00, 900).Select(code => (char)code));
        var acting = runner.RunAsync(List($$"""[{"type":"move","x":1,"y":1},{"type":"type","text":"{{text}}"}]"""), leaving.Token);
        await Eventually.TrueAsync(() => runner.Progress.Contains("of the 900 characters", StringComparison.Ordinal) && !runner.Progress.Contains(" 0 have", StringComparison.Ordinal));

        await leaving.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(acting);
        runner.Progress.ShouldMatch(@"^Actions done before: 1; of the 900 characters of actions\[1\], [1-9][0-9]* have been typed\.$");
    }

    [Fact]
    public async Task Run_ButtonHeldDown_IsNotWaitedFor()
    {
        var began = Stopwatch.GetTimestamp();
        (await RunAsync("""[{"type":"mouseDown","x":5,"y":5},{"type":"press","key":"a"},{"type":"mouseUp"},{"type":"press","key":"b"}]""")).Done.ShouldBe(4);
        TestContext.Current.TestOutputHelper?.WriteLine($"{Stopwatch.GetElapsedTime(began).TotalMilliseconds:0} ms");
        (await _display.FocusAsync()).Buttons.ShouldBe(0);
    }

    private InputRunner Runner() => new(_display, new HeldInput(), new LentKeys(TimeProvider.System), TimeProvider.System);

    private Task<ActionReport> RunAsync(string actions) => Runner().RunAsync(List(actions), Token);

    private static ActionList List(string actions)
    {
        using var parsed = JsonDocument.Parse(actions);
        var (list, error) = ActionList.Read(parsed.RootElement);
        error.ShouldBeNull();
        return list;
    }

    private async Task UntilAsync(string program, params string[] arguments)
    {
        // What fails has no window manager yet.
        for (var tries = 0; (await _server.RunAsync([program, .. arguments], default, 1_000, Token)).ExitCode != 0; tries++)
            tries.ShouldBeLessThan(1_000);
    }

    private Task BecomesAsync(string name, string text) => Eventually.TrueAsync(async () => await File.ReadAllTextAsync(Path.Combine(_server.Folder, name), Token) == text);

    private static void Signal(Process process, string signal)
    {
        using var kill = Process.Start("kill", ["-" + signal, $"{process.Id}"]);
        kill.WaitForExit();
        kill.ExitCode.ShouldBe(0);
    }
}
