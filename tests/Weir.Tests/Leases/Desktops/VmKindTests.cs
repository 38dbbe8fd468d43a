using System.Text.Json;
using Weir.Leases.Desktops;
using Weir.Leases.Desktops.Screens;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;
using Weir.Tests.Leases.Desktops.Sandboxes;
using Weir.Tests.Leases.Desktops.Screens;

namespace Weir.Tests.Leases.Desktops;

public sealed class VmKindTests : IAsyncDisposable
{
    private readonly RealDesktops _desktops = new();

    [Theory]
    [InlineData("1280x800", null, null, null, null)]
    [InlineData(null, null, null, null, null)]
    [InlineData("319x800", null, null, null, "size")]
    [InlineData("3841x800", null, null, null, "size")]
    [InlineData("800", null, null, null, "size")]
    [InlineData("800x600x24", null, null, null, "size")]
    [InlineData(null, " ", null, null, "program")]
    [InlineData(null, "xterm 'a", null, null, "program")]
    [InlineData(null, null, DesktopNetwork.None, DesktopIsolation.None, "network")]
    [InlineData(null, null, DesktopNetwork.None, null, null)]
    public void FaultsOf_Definition_NamesTheSetting(string? size, string? program, DesktopNetwork? network, DesktopIsolation? isolation, string? setting) =>
        VmKind.Sort.FaultsOf("vm", new KindOptions { Size = size, Program = program, Network = network, Isolation = isolation }).Select(fault => fault.Setting)
            .ShouldBe(setting is null ? [] : [setting]);

    [Theory]
    [InlineData("null", null)]
    [InlineData("{}", null)]
    [InlineData("""{"size":"1024x768","open":"https://example.org"}""", null)]
    [InlineData("""{"size":null,"open":null}""", null)]
    [InlineData("""{"size":"1x1"}""", "size")]
    [InlineData("""{"size":7}""", "size")]
    [InlineData("""{"open":""}""", "open")]
    [InlineData("""{"open":"--no-sandbox"}""", "open")]
    [InlineData("""{"open":"a\nb"}""", "open")]
    [InlineData("""{"program":"xterm"}""", "program")]
    [InlineData("[]", "")]
    [InlineData("\"1024x768\"", "")]
    public void Read_Config_NamesTheField(string json, string? field)
    {
        var (_, error) = VmConfig.Read(JsonSerializer.Deserialize<JsonElement>(json));

        if (field is null)
            error.ShouldBeNull();
        else
            error.ShouldNotBeNull().ShouldSatisfyAllConditions(found => found.Code.ShouldBe("invalid_value"), found => (found.Param ?? "").ShouldBe(field));
    }

    [Fact]
    public async Task Lease_FromMakingToEnding_IsSeenUsedAndGone()
    {
        var token = TestContext.Current.CancellationToken;
        var options = new KindOptions { Program = "xterm", Size = "640x480", Network = DesktopNetwork.None };
        await RequireAsync(options);
        using var room = new CaptureRoom();
        var kind = new VmKind(_desktops.Host, room, TimeProvider.System);
        var leased = Leased("i1", options);

        var making = kind.CreateAsync(leased, token).AsTask();
        await Support.Eventually.TrueAsync(() => _desktops.Host.IsMaking("i1") || making.IsCompleted);
        if (await kind.CheckAsync(leased, token) is { } early)
            early.Code.ShouldNotBe(ResourceKind.InstanceEnded);
        (await making).Error.ShouldBeNull();
        (await kind.InitialiseAsync(leased, JsonSerializer.Deserialize<JsonElement>("""{"size":"800x500"}"""), token)).Value!.Value.GetRawText().ShouldBe("""{"width":800,"height":500}""");
        var (seen, error) = await kind.ObserveAsync(leased, token);
        error.ShouldBeNull();
        var png = seen!.Screenshot!.Value.ToArray();
        png.AsSpan(1, 3).SequenceEqual("PNG"u8).ShouldBeTrue();
        (System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)), System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20))).ShouldBe((800, 500));
        var typed = await kind.UseAsync(leased, new KindCall("actions", JsonSerializer.Deserialize<JsonElement>("""[{"type":"click","x":300,"y":300},{"type":"type","text":"echo hello > note\n"}]""")), token);
        typed.Error.ShouldBeNull();
        await Support.Eventually.TrueAsync(() => RealDesktops.InsideAsync(_desktops.Host.Find("i1")!, "cat ~/note").GetAwaiter().GetResult() == "hello");
        (await kind.CheckAsync(leased, token)).ShouldBeNull();
        (await kind.UseAsync(leased, new KindCall("nothing", null), token)).Error!.Status.ShouldBe(404);

        _desktops.Host.Find("i1")!.Facts.First.Kill();
        await Support.Eventually.TrueAsync(() => !_desktops.Host.Find("i1")!.IsAlive);
        (await kind.CheckAsync(leased, token)).ShouldNotBeNull().Code.ShouldBe(ResourceKind.InstanceEnded);
        (await kind.InitialiseAsync(leased, null, token)).Error.ShouldNotBeNull();
        await kind.DestroyAsync(leased, token);

        (await kind.CheckAsync(leased, token)).ShouldNotBeNull();
        (await kind.ObserveAsync(leased, token)).Error.ShouldNotBeNull();
        await kind.DestroyAsync(leased, token);
    }

    [Fact]
    public async Task Observe_FirstAfterInitialise_ShowsThePage()
    {
        var token = TestContext.Current.CancellationToken;
        var options = new KindOptions { Size = "800x600", Network = DesktopNetwork.None };
        await RequireAsync(options);
        using var room = new CaptureRoom();
        var kind = new VmKind(_desktops.Host, room, new PatientTime());
        var leased = Leased("i1", options);
        (await kind.CreateAsync(leased, token)).Error.ShouldBeNull();

        (await FirstLookAsync(kind, leased, 0x00a0ff)).ShouldBe(Rgb(0x00a0ff));
    }

    [Fact]
    public async Task Observe_FiveOpenedAtOnce_EachShowsItsOwnPageFirst()
    {
        var token = TestContext.Current.CancellationToken;
        var options = new KindOptions { Size = "800x600", Network = DesktopNetwork.None, InitialiseWithin = TimeSpan.FromHours(1) };
        await RequireAsync(options);
        using var room = new CaptureRoom();
        var kind = new VmKind(_desktops.Host, room, new PatientTime());
        int[] colors = [0x00a0ff, 0x20b040, 0xd03090, 0xf0c020, 0x7030e0];
        var made = colors.Select(color => Leased($"i{color}", options)).ToList();
        foreach (var (_, error) in await Task.WhenAll(made.Select(leased => kind.CreateAsync(leased, token).AsTask())))
            error.ShouldBeNull();

        var seen = await Task.WhenAll(made.Zip(colors, (leased, color) => FirstLookAsync(kind, leased, color)));

        seen.ShouldBe(colors.Select(Rgb));
    }

    [Fact]
    public async Task Initialise_ProgramThatNeverRests_IsReadyInHalfOfItsTime()
    {
        var token = TestContext.Current.CancellationToken;
        var options = new KindOptions { Program = "xterm -e 'while :; do date +%N; done'", Size = "640x480", Network = DesktopNetwork.None, InitialiseWithin = TimeSpan.FromSeconds(2) };
        await RequireAsync(options);
        using var room = new CaptureRoom();
        var kind = new VmKind(_desktops.Host, room, TimeProvider.System);
        var leased = Leased("i1", options);

        (await kind.CreateAsync(leased, token)).Error.ShouldBeNull();
        using var ends = new CancellationTokenSource();
        var initialising = kind.InitialiseAsync(leased, null, ends.Token).AsTask();
        await ends.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(initialising);
        (await kind.InitialiseAsync(leased, null, token)).Error.ShouldBeNull();
        (await kind.InitialiseAsync(leased with { Options = options with { InitialiseWithin = TimeSpan.FromMilliseconds(100) } }, null, token)).Error.ShouldBeNull();
        await kind.DestroyAsync(leased, token);
    }

    public ValueTask DisposeAsync() => _desktops.DisposeAsync();

    private static LeasedResource Leased(string instance, KindOptions options) => new(
        new ResourceRecord { Id = "vm.home.0", Kind = "vm", Slot = "home.0", State = ResourceState.Leased, Instance = new ResourceInstance(instance, null) }, options, new LeaseSession("l", 1, "w", "t", "k"), null);

    /// <summary>Opens a page of one colour, and says what is in the middle of the first screenshot.</summary>
    private static async Task<(byte Red, byte Green, byte Blue)> FirstLookAsync(VmKind kind, LeasedResource leased, int color)
    {
        var token = TestContext.Current.CancellationToken;
        (await kind.InitialiseAsync(leased, JsonSerializer.SerializeToElement(new { open = $"data:text/html,<body bgcolor='{color:x6}'>" }), token)).Error.ShouldBeNull();
        var (seen, error) = await kind.ObserveAsync(leased, token);
        error.ShouldBeNull();
        return PngDecoder.At(seen!.Screenshot!.Value.Span, 400, 400);
    }

    private static (byte Red, byte Green, byte Blue) Rgb(int color) => ((byte)(color >> 16), (byte)(color >> 8), (byte)color);

    /// <summary>What is bounded to seconds may take longer on a machine that does much else.</summary>
    private sealed class PatientTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.FromSeconds(1) ? dueTime * 8 : dueTime, period);
    }

    private static async Task RequireAsync(KindOptions options) => await RealDesktops.RequireAsync(VmKind.PlanOf(options));
}
