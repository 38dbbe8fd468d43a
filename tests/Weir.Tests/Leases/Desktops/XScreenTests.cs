using System.Globalization;
using System.Text.Json;
using Weir.Leases.Desktops;
using Weir.Leases.Desktops.Input;
using Weir.Leases.Desktops.X11;
using Weir.Tests.Leases.Desktops.Screens;

namespace Weir.Tests.Leases.Desktops;

/// <summary>Against a real X server with nothing on it.</summary>
public sealed class XScreenTests(XScreenTests.Desktop desktop) : IClassFixture<XScreenTests.Desktop>
{
    public sealed class Desktop : IAsyncLifetime
    {
        internal XServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await XServer.StartAsync(640, 480);

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;

    [Fact]
    public async Task Capture_ManyTimes_LeaksNothing()
    {
        await using var screen = desktop.Server.Open();
        await screen.CaptureAsync(true, Token);
        var (files, memory) = (Files(), 0L);
        for (var i = 0; i < 400; i++)
        {
            (await screen.CaptureAsync(i % 10 == 0, Token)).Error.ShouldBeNull();
            if (i == 100)
                memory = GC.GetTotalMemory(forceFullCollection: true);
        }

        // Others of these tests open files and hold memory too; three hundred screens would be more.
        Files().ShouldBeLessThan(files + 100);
        GC.GetTotalMemory(forceFullCollection: true).ShouldBeLessThan(memory + (256 << 20));
        Directory.GetFiles($"/proc/{desktop.Server.ServerId}/fd").Length.ShouldBeLessThan(40);
    }

    [Fact]
    public async Task Capture_WithCursor_DiffersOnlyWhereThePointerIs()
    {
        await using var screen = desktop.Server.Open();
        (await screen.ActAsync(Json("""{"type":"move","x":320,"y":240}"""), Token)).Error.ShouldBeNull();
        var without = PngDecoder.Decode((await screen.CaptureAsync(false, Token)).Value.Span).Colors;
        var with = PngDecoder.Decode((await screen.CaptureAsync(true, Token)).Value.Span).Colors;
        var different = Enumerable.Range(0, 640 * 480).Where(pixel => !with.AsSpan(pixel * 3, 3).SequenceEqual(without.AsSpan(pixel * 3, 3))).ToList();
        different.ShouldNotBeEmpty();
        different.ShouldAllBe(pixel => Math.Abs(pixel % 640 - 320) < 40 && Math.Abs(pixel / 640 - 240) < 40);
    }

    [Fact]
    public async Task Capture_OfALargeScreen_IsWholeInBands()
    {
        await using var server = await XServer.StartAsync(2560, 1600);
        await using var screen = server.Open();
        var (png, error) = await screen.CaptureAsync(false, Token);
        error.ShouldBeNull();
        var (width, height, _) = PngDecoder.Decode(png.Span);
        (width, height).ShouldBe((2560, 1600));
    }

    [Fact]
    public async Task Act_BeyondTheScreen_IsRefusedBeforeAnythingIsDone()
    {
        await using var screen = desktop.Server.Open();
        await screen.ActAsync(Json("""[{"type":"move","x":5,"y":6}]"""), Token);
        var (report, _) = await screen.ActAsync(Json("""[{"type":"move","x":50,"y":60},{"type":"click","x":640,"y":0}]"""), Token);
        report.Done.ShouldBe(0);
        report.Error!.Message.ShouldContain("640x480");
        report.Error.Message.ShouldContain("actions[1]");
        (await PointerAsync()).ShouldBe((5, 6));
    }

    [Fact]
    public async Task Act_MoveRelativeOffTheScreen_StopsThereAndReleases()
    {
        await using var screen = desktop.Server.Open();
        var (report, _) = await screen.ActAsync(Json("""[{"type":"move","x":5,"y":6},{"type":"mouseDown"},{"type":"keyDown","key":"shift"},{"type":"moveRel","x":-50,"y":0}]"""), Token);
        report.Done.ShouldBe(3);
        report.Error!.Code.ShouldBe("invalid_value");
        (await HeldAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Act_KeyDown_StaysUntilReleased()
    {
        await using var screen = desktop.Server.Open();
        (await screen.ActAsync(Json("""[{"type":"key_down","key":"ctrl"}]"""), Token)).Value.Error.ShouldBeNull();
        (await HeldAsync()).ShouldBe(4);
        (await screen.ActAsync(Json("""[{"type":"releaseAll"}]"""), Token)).Value.Error.ShouldBeNull();
        (await HeldAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Act_Cancelled_ReleasesWhatItHeld()
    {
        await using var screen = desktop.Server.Open();
        using var leaving = new CancellationTokenSource();
        var acting = screen.ActAsync(Json("""[{"type":"keyDown","key":"alt"},{"type":"wait","seconds":10}]"""), leaving.Token).AsTask();
        while (await HeldAsync() == 0)
            acting.IsCompleted.ShouldBeFalse();
        await leaving.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(acting);
        (await HeldAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Act_MoreListsThanMayWait_AreRefused()
    {
        await using var screen = desktop.Server.Open();
        using var leaving = new CancellationTokenSource();
        var acting = Enumerable.Range(0, BoundedGate.MostWaiting + 1).Select(_ => screen.ActAsync(Json("""{"type":"wait","seconds":10}"""), leaving.Token).AsTask()).ToList();
        var (_, error) = await screen.ActAsync(Json("""{"type":"wait","seconds":0}"""), Token);
        error!.Code.ShouldBe("queue_full");
        await leaving.CancelAsync();
        foreach (var list in acting)
            await Should.ThrowAsync<OperationCanceledException>(list);
        (await screen.ActAsync(Json("""{"type":"wait","seconds":0}"""), Token)).Error.ShouldBeNull();
    }

    [Fact]
    public async Task Verbs_OfADesktopThatEnds_SayThatItDoesNotAnswer()
    {
        var server = await XServer.StartAsync(640, 480);
        await using var screen = server.Open();
        (await screen.IsAliveAsync(Token)).ShouldBeNull();
        await server.DisposeAsync();
        (await screen.IsAliveAsync(Token))!.Code.ShouldBe("unavailable");
        (await screen.CaptureAsync(false, Token)).Error!.Status.ShouldBe(503);
        (await screen.ActAsync(Json("""{"type":"click"}"""), Token)).Error!.Status.ShouldBe(503);
    }

    [Fact]
    public async Task Open_WithAnotherCookie_IsRefused()
    {
        var refused = await Should.ThrowAsync<XBrokenException>(XDisplay.OpenAsync(desktop.Server.DisplaySocket, new byte[16], TimeProvider.System, Token));
        refused.Message.ShouldContain("refused");
    }

    [Fact]
    public async Task Lend_MoreCharactersThanKeys_UsesThemAgain()
    {
        await using var screen = desktop.Server.Open();
        var text = string.Concat(Enumerable.Range(0x4e00, 40).Select(code => (char)code));
        (await screen.ActAsync(Json($$"""{"type":"type","text":"{{text}}"}"""), Token)).Value.Error.ShouldBeNull();
        await using var display = await XDisplay.OpenAsync(desktop.Server.DisplaySocket, desktop.Server.Cookie, TimeProvider.System, Token);
        var keyboard = await display.KeyboardAsync();
        keyboard.Lent.Count.ShouldBeGreaterThan(4);
        keyboard.Find(KeyNames.Of(new System.Text.Rune(text[^1]))!.Value).ShouldNotBeNull();
        keyboard.Find('a').ShouldNotBeNull();
        keyboard.Find(KeyNames.Return).ShouldNotBeNull();
    }

    [Fact]
    public async Task Lend_ManyCharactersAgainAndAgain_LeavesTheUsualKeysAsTheyAre()
    {
        var before = Keys(await KeyboardAsync());
        await using var screen = desktop.Server.Open();
        for (var round = 0; round < 3; round++)
        {
            var text = string.Concat(Enumerable.Range(0x5e00 + round * 100, 30).Select(code => (char)code));
            (await screen.ActAsync(Json($$"""{"type":"type","text":"aé中 ß{{text}}"}"""), Token)).Value.Error.ShouldBeNull();
        }

        Keys(await KeyboardAsync()).ShouldBe(before);

        // Everything of ASCII, and everything that is no character: backspace, the keypad, modifiers.
        static string Keys(XKeyboard keyboard) => string.Join(' ', Enumerable.Range(0x20, 0x5f).Concat(Enumerable.Range(0xfd00, 0x300)).Select(key => string.Create(CultureInfo.InvariantCulture, $"{keyboard.Find((uint)key)}")));
    }

    private async Task<XKeyboard> KeyboardAsync()
    {
        await using var display = await XDisplay.OpenAsync(desktop.Server.DisplaySocket, desktop.Server.Cookie, TimeProvider.System, Token);
        return await display.KeyboardAsync();
    }

    private async Task<(int X, int Y)> PointerAsync()
    {
        await using var display = await XDisplay.OpenAsync(desktop.Server.DisplaySocket, desktop.Server.Cookie, TimeProvider.System, Token);
        var (x, y, _) = await display.PointerAsync();
        return (x, y);
    }

    /// <summary>The modifiers and buttons that the server has down, as it writes them.</summary>
    private async Task<int> HeldAsync()
    {
        await using var connection = await XConnection.OpenAsync(desktop.Server.DisplaySocket, desktop.Server.Cookie, TimeProvider.System, Token);
        var reply = (await connection.RunAsync([XRequest.Pointer(connection.Setup.Root)]))[0];
        return reply.Head.Span[24] | reply.Head.Span[25] << 8;
    }

    private static int Files() => Directory.GetFiles("/proc/self/fd").Length;
}
