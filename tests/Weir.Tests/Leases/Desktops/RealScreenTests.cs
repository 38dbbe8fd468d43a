using System.Text.Json;
using Weir.Leases.Desktops;
using Weir.Tests.Leases.Desktops.Screens;

namespace Weir.Tests.Leases.Desktops;

/// <summary>Against a real X server, with a real browser on it.</summary>
public sealed class RealScreenTests(RealScreenTests.Desktop desktop) : IClassFixture<RealScreenTests.Desktop>
{
    /// <summary>One desktop for all of them: a browser takes a while to start.</summary>
    public sealed class Desktop : IAsyncLifetime
    {
        internal XServer Server { get; private set; } = null!;

        internal BrowserPage Page { get; } = BrowserPage.Start();

        internal DesktopScreen Screen { get; private set; } = null!;

        internal JsonElement Ready { get; private set; }

        public async ValueTask InitializeAsync()
        {
            Server = await XServer.StartAsync();
            var bus = Server.Start("dbus-daemon", ["--session", "--nofork", "--print-address=1"]);
            Server.Environment["DBUS_SESSION_BUS_ADDRESS"] = (await bus.StandardOutput.ReadLineAsync())!;
            Server.Start("/usr/libexec/at-spi-bus-launcher", ["--launch-immediately"]);
            Server.Environment["ACCESSIBILITY_ENABLED"] = "1";
            Server.Start("openbox", []);
            Page.Launch(Server);
            Ready = await Page.NextAsync("ready");
            Screen = Server.Open();
        }

        public async ValueTask DisposeAsync()
        {
            await Screen.DisposeAsync();
            await Server.DisposeAsync();
            await Page.DisposeAsync();
        }
    }

    private async Task ActAsync(string actions)
    {
        using var parsed = JsonDocument.Parse(actions);
        var (report, error) = await desktop.Screen.ActAsync(parsed.RootElement, TestContext.Current.CancellationToken);
        error.ShouldBeNull();
        report.Error.ShouldBeNull();
        report.Done.ShouldBe(parsed.RootElement.GetArrayLength());
    }

    private (int X, int Y) On(int x, int y) => (desktop.Ready.GetProperty("left").GetInt32() + x, desktop.Ready.GetProperty("top").GetInt32() + y);

    private async Task TypeAsync(string text)
    {
        var (x, y) = On(300, 150);
        await ActAsync($$"""[{"type":"click","x":{{x}},"y":{{y}}},{"type":"hotkey","keys":["ctrl","a"]},{"type":"press","key":"delete"},{"type":"type","text":{{JsonSerializer.Serialize(text)}}}]""");
        await desktop.Page.TextShouldBecomeAsync(text);
    }

    [Theory]
    [InlineData("The quick brown fox; {\"a\": [1, 2]} <b>~`!@#$%^&*()_+|\\?/.,'</b>")]
    [InlineData("Voilà: l'été, naïve façade, Straße, ĐẶNG, ¿qué?")]
    [InlineData("敏捷的棕色狐狸跳过了懒狗,然后在河边喝水。天地玄黄宇宙洪荒日月盈昃")]
    [InlineData("😀 🚀👩‍🚀 e\u0301 Ω→∞ Привет שלום")]
    [InlineData("one\ntwo\n\nthree aaa AAA aAaA")]
    public Task Type_AnyText_ArrivesExactly(string text) => TypeAsync(text);

    [Fact]
    public Task Type_TwoThousandCharacters_ArriveExactly()
    {
        var random = new Random(5);
        return TypeAsync(string.Concat(Enumerable.Range(0, 2_000).Select(_ => (char)random.Next(0x20, 0x7f))));
    }

    [Fact]
    public Task Type_HundredDifferentCharacters_ArriveExactly() =>
        TypeAsync(string.Concat(Enumerable.Range(0x4e00, 100).Select(code => (char)code)));

    [Fact]
    public async Task Screenshot_OfTheBrowser_IsWhatAnotherProgramSees()
    {
        var (png, error) = await desktop.Screen.CaptureAsync(false, TestContext.Current.CancellationToken);
        error.ShouldBeNull();
        var (width, height, colors) = PngDecoder.Decode(png.Span);
        (width, height).ShouldBe((1280, 800));
        var (x, y) = On(650, 400);
        PngDecoder.At(png.Span, x, y).ShouldBe(((byte)255, (byte)255, (byte)255));
        colors.Distinct().Count().ShouldBeGreaterThan(10);
    }

    [Fact]
    public async Task Click_OnAButton_HitsItAndCountsAsOften()
    {
        var (x, y) = On(800, 50);
        await ActAsync($$"""[{"type":"click","x":{{x}},"y":{{y}}}]""");
        var click = await desktop.Page.NextAsync("click");
        (click.GetProperty("x").GetInt32(), click.GetProperty("y").GetInt32(), click.GetProperty("click").GetInt32()).ShouldBe((800, 50, 1));

        // An X server that gets no turn for half a second makes two clicks of it: it has three chances.
        await ActAsync("""[{"type":"wait","seconds":0.6},{"type":"double_click"},{"type":"wait","seconds":0.6},{"type":"double_click"},{"type":"wait","seconds":0.6},{"type":"double_click"}]""");
        (await desktop.Page.NextAsync("dblclick")).GetProperty("dblclick").GetInt32().ShouldBe(2);

        await ActAsync("""[{"type":"rightClick"}]""");
        await desktop.Page.NextAsync("menu");
    }

    [Fact]
    public async Task Drag_FromHereToThere_PressesMovesAndReleases()
    {
        var (x, y) = On(700, 300);
        await ActAsync($$"""[{"type":"moveTo","x":{{x}},"y":{{y}}},{"type":"dragRel","x":120,"y":-40,"duration":0.1}]""");
        var down = await desktop.Page.NextAsync("down");
        var up = await desktop.Page.NextAsync("up");
        (up.GetProperty("x").GetInt32() - down.GetProperty("x").GetInt32(), up.GetProperty("y").GetInt32() - down.GetProperty("y").GetInt32()).ShouldBe((120, -40));
    }

    [Fact]
    public async Task Scroll_DownAndUp_MovesThePage()
    {
        var (x, y) = On(800, 500);
        await ActAsync($$"""[{"type":"scroll","amount":-5,"x":{{x}},"y":{{y}}}]""");
        (await desktop.Page.NextAsync("scroll")).GetProperty("scroll").GetDouble().ShouldBeGreaterThan(0);
        await ActAsync("""[{"type":"scroll","clicks":50}]""");
        while ((await desktop.Page.NextAsync("scroll")).GetProperty("scroll").GetDouble() > 0)
        {
        }
    }

    [Fact]
    public async Task Hotkey_WithModifiers_ArrivesTogetherAndNothingStaysDown()
    {
        var (x, y) = On(800, 500);
        await ActAsync($$"""[{"type":"click","x":{{x}},"y":{{y}}}]""");
        await desktop.Page.NextAsync("up");
        await ActAsync("""[{"type":"hotkey","keys":["ctrl","shift","y"]},{"type":"press","key":"a"}]""");
        JsonElement key;
        do
            key = await desktop.Page.NextAsync("key");
        while (key.GetProperty("key").GetString() != "Y");
        (key.GetProperty("ctrl").GetBoolean(), key.GetProperty("shift").GetBoolean()).ShouldBe((true, true));
        key = await desktop.Page.NextAsync("key");
        (key.GetProperty("key").GetString(), key.GetProperty("ctrl").GetBoolean(), key.GetProperty("shift").GetBoolean()).ShouldBe(("a", false, false));
    }

    [Fact]
    public async Task Tree_OfTheBrowser_HasTheDocumentWithNamesBoundsAndValues()
    {
        await TypeAsync("once upon a time");
        JsonElement entry = default;
        JsonElement answer = default;
        for (var tries = 0; tries < 50 && entry.ValueKind == JsonValueKind.Undefined; tries++)
        {
            (answer, var error) = await desktop.Screen.TreeAsync(TestContext.Current.CancellationToken);
            error.ShouldBeNull();
            if (answer.GetProperty("tree").ValueKind == JsonValueKind.Object)
                entry = answer.GetProperty("tree").GetProperty("children").EnumerateArray().FirstOrDefault(child => child.GetProperty("name").GetString() == "Story");
        }

        answer.GetProperty("tree").GetProperty("role").GetString().ShouldBe("document web");
        answer.GetProperty("truncated").GetBoolean().ShouldBeFalse();
        entry.GetProperty("role").GetString().ShouldBe("entry");
        entry.GetProperty("value").GetString().ShouldBe("once upon a time");
        entry.GetProperty("states").EnumerateArray().Select(state => state.GetString()).ShouldContain("editable");
        entry.GetProperty("bounds").GetProperty("width").GetInt32().ShouldBeGreaterThan(500);
    }
}
