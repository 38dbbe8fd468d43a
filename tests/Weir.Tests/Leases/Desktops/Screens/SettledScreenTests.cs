using Weir.Leases.Desktops;
using Weir.Leases.Desktops.Screens;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Desktops.Screens;

/// <summary>Of a real X server's screen, with programs that say what the test wants.</summary>
public sealed class SettledScreenTests : IAsyncLifetime
{
    private readonly CaptureRoom _room = new();
    private XServer _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _server = await XServer.StartAsync(640, 480);

    [Fact]
    public async Task Wait_BusyForAWhile_LooksUntilItHasBeenAtRest()
    {
        var desktop = new Working(_server, look => new DesktopWork(1, look < 3));
        await using var session = new XSession(desktop, TimeProvider.System);
        var time = new ManualTimeProvider();

        await LookOnAsync(time, Settled(desktop, session, time).WaitAsync(SettledScreen.Longest, false, Token));

        desktop.Looks.ShouldBe(3 + 1 + SettledScreen.Alike);
    }

    [Fact]
    public async Task Wait_Again_ReturnsAtOnceUnlessTheProgramBeganAnew()
    {
        var start = 1;
        var desktop = new Working(_server, _ => new DesktopWork(start, false));
        await using var session = new XSession(desktop, TimeProvider.System);
        var time = new ManualTimeProvider();
        var settled = Settled(desktop, session, time);
        await LookOnAsync(time, settled.WaitAsync(SettledScreen.Longest, false, Token));
        desktop.Looks = 0;

        await settled.WaitAsync(SettledScreen.Longest, false, Token);
        desktop.Looks.ShouldBe(1);
        start = 2;
        await LookOnAsync(time, settled.WaitAsync(SettledScreen.Longest, false, Token));
        desktop.Looks.ShouldBeGreaterThan(SettledScreen.Alike);
    }

    [Fact]
    public async Task Wait_NeverAtRest_EndsInTimeAndWaitsAgain()
    {
        var time = new ManualTimeProvider();
        var desktop = new Working(_server, _ => new DesktopWork(1, true));
        await using var session = new XSession(desktop, TimeProvider.System);
        var settled = Settled(desktop, session, time);
        for (var round = 0; round < 2; round++)
        {
            desktop.Looks = 0;
            var waiting = settled.WaitAsync(TimeSpan.FromHours(1), false, Token);
            await Eventually.TrueAsync(() => desktop.Looks > 0);
            time.Advance(SettledScreen.Longest);
            await waiting;
        }

        (await Record.ExceptionAsync(() => settled.WaitAsync(TimeSpan.FromSeconds(-1), true, Token))).ShouldBeNull();
    }

    [Fact]
    public async Task Wait_BlankAndBusy_HasLongerUntilItIsPaintedAndThenAsLongAsEver()
    {
        var time = new ManualTimeProvider();
        var desktop = new Working(_server, _ => new DesktopWork(1, true));
        await using var session = new XSession(desktop, TimeProvider.System);
        var waiting = Settled(desktop, session, time).WaitAsync(TimeSpan.FromHours(1), true, Token);
        await Eventually.TrueAsync(() => desktop.Looks > 0);
        time.Advance(2 * SettledScreen.Longest);
        var looks = desktop.Looks;
        await LookOnAsync(time, () => desktop.Looks > looks + 2);
        waiting.IsCompleted.ShouldBeFalse();

        await PaintAsync();
        var painted = time.GetTimestamp();
        await LookOnAsync(time, waiting);

        time.GetElapsedTime(painted).ShouldBeInRange(SettledScreen.Longest, SettledScreen.Longest + (2 * SettledScreen.Look));
    }

    [Fact]
    public async Task Wait_NeverPainted_EndsInTimeAndSoonerWhereNothingIsDone()
    {
        var time = new ManualTimeProvider();
        var busy = new Working(_server, _ => new DesktopWork(1, true));
        await using var session = new XSession(busy, TimeProvider.System);
        foreach (var within in (TimeSpan[])[TimeSpan.FromHours(1), TimeSpan.FromSeconds(7)])
        {
            busy.Looks = 0;
            var waiting = Settled(busy, session, time).WaitAsync(within, true, Token);
            await Eventually.TrueAsync(() => busy.Looks > 0);
            time.Advance((within < SettledScreen.LongestBlank ? within : SettledScreen.LongestBlank) - SettledScreen.Look);
            waiting.IsCompleted.ShouldBeFalse();
            time.Advance(SettledScreen.Look);
            await waiting;
        }

        var idle = new Working(_server, _ => new DesktopWork(1, false));
        await LookOnAsync(time, Settled(idle, session, time).WaitAsync(TimeSpan.FromHours(1), true, Token));
        idle.Looks.ShouldBe(1 + SettledScreen.AlikeBlank + 1 + SettledScreen.Alike);
    }

    [Fact]
    public async Task Wait_PaintedAlready_EndsAsSoonAsEver()
    {
        await PaintAsync();
        var desktop = new Working(_server, _ => new DesktopWork(1, true));
        await using var session = new XSession(desktop, TimeProvider.System);
        var time = new ManualTimeProvider();
        var began = time.GetTimestamp();

        await LookOnAsync(time, Settled(desktop, session, time).WaitAsync(TimeSpan.FromHours(1), true, Token));

        time.GetElapsedTime(began).ShouldBe(SettledScreen.Longest);
    }

    [Fact]
    public async Task Wait_NoScreenOrNothingSaid_ReturnsAtOnce()
    {
        var silent = new Working(_server, _ => null);
        await using var session = new XSession(silent, TimeProvider.System);
        await Settled(silent, session, TimeProvider.System).WaitAsync(SettledScreen.Longest, false, Token);
        silent.Looks.ShouldBe(1);

        var gone = new Working(_server, _ => new DesktopWork(1, false));
        await using var closed = new XSession(gone, TimeProvider.System);
        await closed.DisposeAsync();
        await Settled(gone, closed, TimeProvider.System).WaitAsync(SettledScreen.Longest, false, Token);
        gone.Looks.ShouldBe(1);
    }

    [Fact]
    public async Task Wait_Cancelled_Throws()
    {
        using var ends = new CancellationTokenSource();
        var desktop = new Working(_server, _ => new DesktopWork(1, true));
        await using var session = new XSession(desktop, TimeProvider.System);
        var waiting = Settled(desktop, session, new ManualTimeProvider()).WaitAsync(SettledScreen.Longest, false, ends.Token);

        await ends.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(waiting);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _room.Dispose();
    }

    /// <summary>Time stands still but between two looks, however slow the machine is.</summary>
    private static async Task LookOnAsync(ManualTimeProvider time, Task waiting)
    {
        await LookOnAsync(time, () => waiting.IsCompleted);
        await waiting;
    }

    private static Task LookOnAsync(ManualTimeProvider time, Func<bool> until) => Eventually.TrueAsync(() =>
    {
        if (time.NextTimer == SettledScreen.Look)
            time.Advance(SettledScreen.Look);
        return until();
    });

    /// <summary>A window that stands still: its cursor does not blink.</summary>
    private async Task PaintAsync()
    {
        _server.Start("xterm", ["-e", "sleep", "600"]);
        await using var screen = _server.Open();
        await Eventually.TrueAsync(() =>
        {
            var (png, error) = screen.CaptureAsync(withCursor: false, Token).AsTask().GetAwaiter().GetResult();
            return error is null && PngDecoder.Decode(png.Span).Colors.Distinct().Count() > 1;
        });
    }

    private SettledScreen Settled(IDesktop desktop, XSession session, TimeProvider time) => new(desktop, session, _room, time);

    private sealed class Working(XServer server, Func<int, DesktopWork?> work) : IDesktop
    {
        public int Looks { get; set; }

        public string Id => server.Id;

        public string DisplaySocket => server.DisplaySocket;

        public ReadOnlyMemory<byte> Cookie => server.Cookie;

        public int Width => server.Width;

        public int Height => server.Height;

        public ValueTask<DesktopWork?> WorkAsync(CancellationToken cancellationToken) => ValueTask.FromResult(work(Looks++));

        public ValueTask<DesktopRun> RunAsync(IReadOnlyList<string> command, ReadOnlyMemory<byte> stdin, int mostOutput, CancellationToken cancellationToken) => server.RunAsync(command, stdin, mostOutput, cancellationToken);
    }
}
