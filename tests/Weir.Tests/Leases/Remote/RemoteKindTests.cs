using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Leases.Documents;
using Weir.Leases.Doors.Forwarding;
using Weir.Leases.Kinds;
using Weir.Leases.Remote;
using Weir.Tests.Server.Endpoints;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Remote;

public sealed class RemoteKindTests : IDisposable
{
    private static readonly byte[] Png = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3];

    private readonly ManualTimeProvider _time = new();
    private readonly Upstreams _upstreams = new();
    private readonly RemoteKind _kind;

    public RemoteKindTests() =>
        _kind = new RemoteKind(new RemoteCalls(_upstreams), new Forwarder(_upstreams, new ForwardLimits(), _time, NullLogger<Forwarder>.Instance), _time);

    public void Dispose() => _upstreams.Dispose();

    [Fact]
    public void Definition_SaysSlotsAndTraits()
    {
        var options = new KindOptions
        {
            Endpoints = [new RemoteEndpointOptions { Id = "a", BaseUrl = "http://h", Slots = 2 }, new RemoteEndpointOptions { Id = "b", BaseUrl = "http://h", Reset = "/r", Health = "/h", Initialise = "/i" }],
        };

        RemoteKind.Sort.SlotsOf(options).ShouldBe(["a.0", "a.1", "b.0"]);
        RemoteKind.Sort.TraitsOf(options).ShouldBe(KindTraits.Initialises | KindTraits.Resets | KindTraits.Checks);
        RemoteKind.Sort.TraitsOf(options with { Endpoints = [options.Endpoints[0]] }).ShouldBe(KindTraits.None);
        RemoteKind.Sort.FaultsOf("remote:box", options).ShouldBeEmpty();
    }

    [Fact]
    public void Faults_AreAllToldWithTheirSettings()
    {
        var options = new KindOptions
        {
            Capacity = 3,
            Endpoints =
            [
                new RemoteEndpointOptions { Id = "a", BaseUrl = "ftp://h", Health = "health", Slots = 0 },
                new RemoteEndpointOptions { Id = "a", BaseUrl = "http://me:secret@h", Reset = "//evil/x", Headers = new Dictionary<string, string> { ["Ho st"] = "x", ["Host"] = "x", ["x-ok"] = "a\nb" } },
                new RemoteEndpointOptions { Id = "B!", BaseUrl = "http://h/?q=1" },
            ],
        };

        var faults = RemoteKind.Sort.FaultsOf("remote", options);

        faults.Select(fault => fault.Setting).ShouldBe(
            ["", "capacity", "endpoints.0.slots", "endpoints.0.base_url", "endpoints.0.health", "endpoints.1.base_url", "endpoints.1.reset", "endpoints.1.headers.Ho st", "endpoints.1.headers.Host",
             "endpoints.1.headers.x-ok", "endpoints.1.id", "endpoints.2.id", "endpoints.2.base_url"], ignoreOrder: true);
        faults.ShouldAllBe(fault => !fault.Message.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Initialise_PostsTheConfigAndTellsWhatWasSaidOrWhyNot()
    {
        var bodies = new List<string>();
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            bodies.Add($"{context.Request.Method} {context.Request.Path} {context.Request.Headers["x-key"]} {await reader.ReadToEndAsync()}");
            if (bodies.Count == 3)
            {
                context.Response.StatusCode = 409;
                await context.Response.WriteAsync("no such model " + new string('x', 5000));
                return;
            }

            await context.Response.WriteAsync("""{"ready":true}""");
        });
        var endpoint = new RemoteEndpointOptions { Id = "a", BaseUrl = upstream.Address + "/base", Initialise = "/setup", Headers = new Dictionary<string, string> { ["x-key"] = "k" } };

        var given = await _kind.InitialiseAsync(Of(endpoint), Json("""{"model":"m"}"""), CancellationToken.None);
        var none = await _kind.InitialiseAsync(Of(endpoint), null, CancellationToken.None);
        var refused = await _kind.InitialiseAsync(Of(endpoint), null, CancellationToken.None);
        var notTaken = await _kind.InitialiseAsync(Of(endpoint with { Initialise = null }), Json("""{"model":"m"}"""), CancellationToken.None);

        bodies.Take(2).ShouldBe(["""POST /base/setup k {"model":"m"}""", "POST /base/setup k {}"]);
        given.Value!.Value.GetProperty("ready").GetBoolean().ShouldBeTrue();
        none.Error.ShouldBeNull();
        refused.Error!.Message.ShouldContain("409: no such model xxx");
        refused.Error.Message.Length.ShouldBeLessThan(600);
        notTaken.Error!.Message.ShouldContain("no 'initialise' path");
    }

    [Fact]
    public async Task Initialise_RefusedByWhatShowsAllThatItWasSent_TellsTheReasonWithoutSecrets()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.StatusCode = 500;
            var sent = string.Join('\n', context.Request.Headers.Select(header => $"{header.Key}: {header.Value}"));
            await context.Response.WriteAsync($"disk full\n{context.Request.QueryString}\n{sent}\n{JsonSerializer.Serialize(sent)}");
        });
        var endpoint = new RemoteEndpointOptions
        {
            Id = "a", BaseUrl = upstream.Address, Initialise = "/setup?key=query-5ecret", Reset = "/reset?key=query-5ecret",
            Headers = new Dictionary<string, string> { ["Authorization"] = "Bearer b0xkey77/with+signs/5ecret99", ["x-pass"] = "s3s4me" },
        };

        var refused = (await _kind.InitialiseAsync(Of(endpoint), null, CancellationToken.None)).Error!;
        var unreset = (await _kind.ResetAsync(Of(endpoint), CancellationToken.None))!;

        foreach (var (error, path) in new[] { (refused, "/setup"), (unreset, "/reset") })
        {
            error.Message.ShouldStartWith($"The endpoint 'a' answered POST {path} with 500: disk full");
            error.Message.ShouldContain("Authorization: ***");
            foreach (var secret in new[] { "b0xkey77", "5ecret99", "s3s4me", "query-5ecret" })
                error.Message.ShouldNotContain(secret);
        }
    }

    [Theory]
    [InlineData("model missing", "Bearer abcdefgh12345678", "model missing")]
    [InlineData("got Bearer ABCDEFGH12345678!", "Bearer abcdefgh12345678", "got ***!")]
    [InlineData("got abcdefgh12345678!", "Bearer abcdefgh12345678", "got ***!")]
    [InlineData("got abcdefgh\\u002B12345678!", "Bearer abcdefgh+12345678", "got ***\\u002B***!")]
    [InlineData("cut off in abcdefgh123", "Bearer abcdefgh12345678", "cut off in ***")]
    [InlineData("a k in it", "k", "a k in it")]
    [InlineData("", "Bearer abcdefgh12345678", "")]
    public void Hide_LeavesWhatIsNoSecret(string said, string header, string expected) => RemoteSecrets.Hide(said, [header, ""]).ShouldBe(expected);

    [Fact]
    public async Task Observe_ReadsWhatIsShown()
    {
        var (type, body) = ("image/png", Png);
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.ContentType = type;
            await context.Response.Body.WriteAsync(body);
        });
        var resource = Of(new RemoteEndpointOptions { Id = "a", BaseUrl = upstream.Address, Observe = "/look" });

        (await _kind.ObserveAsync(resource, CancellationToken.None)).Value!.Screenshot!.Value.ToArray().ShouldBe(Png);
        (type, body) = ("text/plain", "hello"u8.ToArray());
        (await _kind.ObserveAsync(resource, CancellationToken.None)).Value!.Text.ShouldBe("hello");
        (type, body) = ("application/json", Encoding.UTF8.GetBytes($$$"""{"screenshot":"{{{Convert.ToBase64String(Png)}}}","text":"t","accessibility_tree":{"role":"r"}}"""));
        var all = (await _kind.ObserveAsync(resource, CancellationToken.None)).Value!;
        (all.Text, all.Screenshot!.Value.Length, all.AccessibilityTree!.Value.GetProperty("role").GetString()).ShouldBe(("t", Png.Length, "r"));
        foreach (var wrong in (string[])["[1]", "{\"text\":1}", "{\"screenshot\":\"AAAA\"}", "no json"])
        {
            body = Encoding.UTF8.GetBytes(wrong);
            (await _kind.ObserveAsync(resource, CancellationToken.None)).Error!.Code.ShouldBe("upstream_broken", wrong);
        }

        (type, body) = ("image/png", new byte[(16 << 20) + 1]);
        (await _kind.ObserveAsync(resource, CancellationToken.None)).Error!.Message.ShouldContain("16 MB");
    }

    [Fact]
    public async Task ResetAndCheck_AskTheEndpointAndRedirectsAreNoSuccess()
    {
        string? reset = null;
        var health = 200;
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            if (context.Request.Path == "/reset")
            {
                using var reader = new StreamReader(context.Request.Body);
                reset = await reader.ReadToEndAsync();
                return;
            }

            context.Response.StatusCode = health;
            context.Response.Headers.Location = "/reset";
        });
        var resource = Of(new RemoteEndpointOptions { Id = "a", BaseUrl = upstream.Address, Reset = "/reset", Health = "/health" });

        (await _kind.ResetAsync(resource, CancellationToken.None)).ShouldBeNull();
        reset.ShouldBe("""{"resource":"remote:box.a.0","slot":"a.0","lease":"l1"}""");
        (await _kind.CheckAsync(resource, CancellationToken.None)).ShouldBeNull();
        health = 302;
        (await _kind.CheckAsync(resource, CancellationToken.None))!.Message.ShouldContain("302");
        health = 500;
        (await _kind.CheckAsync(resource, CancellationToken.None))!.Message.ShouldContain("500");
    }

    [Fact]
    public async Task Check_OfAnEndpointThatIsSilent_EndsAfterFiveSeconds()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = await Upstream.StartAsync(context =>
        {
            asked.TrySetResult();
            return Task.Delay(Timeout.Infinite, context.RequestAborted);
        });

        var checking = _kind.CheckAsync(Of(new RemoteEndpointOptions { Id = "a", BaseUrl = upstream.Address, Health = "/health" }), CancellationToken.None).AsTask();
        await asked.Task;
        _time.Advance(TimeSpan.FromMilliseconds(4_999));
        checking.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromMilliseconds(1));

        (await checking)!.Code.ShouldBe("upstream_timeout");
    }

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    private static LeasedResource Of(RemoteEndpointOptions endpoint) => new(
        new ResourceRecord { Id = "remote:box.a.0", Kind = "remote:box", Slot = "a.0", State = ResourceState.Leased, Lease = "l1" },
        new KindOptions { Endpoints = [endpoint] }, new LeaseSession("l1", 5, "w1", "t1", "k1"), null);
}
