using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Weir.Inference.Capturing;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Server.Observability.Capturing;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Observability.Capturing;

public sealed class CaptureTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-capture-").FullName;

    private string File => Path.Combine(_folder, "pairs.jsonl");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Capture_OfOneRoute_WritesItsPairsAndNoOthers()
    {
        await using var upstream = new ScriptedUpstream(
            exchange => exchange.RespondAsync(200, ScriptedUpstream.Answer),
            async exchange =>
            {
                await exchange.BeginStreamAsync();
                await exchange.EventAsync("""{"choices":[]}""");
                await exchange.EventAsync("[DONE]");
                await exchange.EndAsync();
            },
            exchange => exchange.RespondAsync(500, "{}"),
            exchange => exchange.RespondAsync(200, ScriptedUpstream.Answer));
        await using (var server = await StartAsync(upstream.BaseUrl, File, "fast"))
        {
            await ChatAsync(server, "fast", "");
            await ChatAsync(server, "fast", ""","stream":true""");
            await ChatAsync(server, "fast", "");
            await ChatAsync(server, "other", "");
        }

        var lines = System.IO.File.ReadAllLines(File).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        lines.Count.ShouldBe(3);
        lines[0].GetProperty("request").GetProperty("messages")[0].GetString().ShouldBe("what was asked");
        lines[0].GetProperty("answer").GetProperty("usage").GetProperty("completion_tokens").GetInt32().ShouldBe(5);
        lines[0].GetProperty("deployment").GetString().ShouldBe("p/m");
        lines[1].GetProperty("answer").GetString()!.ShouldEndWith("data: [DONE]\n\n");
        lines[2].GetProperty("status").GetInt32().ShouldBe(500);
        lines[2].TryGetProperty("answer", out _).ShouldBeFalse();
        System.IO.File.ReadAllText(File).ShouldNotContain("sk-secret");
        if (!OperatingSystem.IsWindows()) System.IO.File.GetUnixFileMode(File).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public async Task Capture_BodiesThatCannotBeWrittenAgain_AreKeptAsText()
    {
        var deep = new string('[', 63) + new string(']', 63);
        await using var upstream = new ScriptedUpstream();
        await using (var server = await StartAsync(upstream.BaseUrl, File, "*"))
        {
            foreach (var extra in (string[])[",\"x\":\"\\ud800\"", ",\"x\":{\"\\ud800\":1}", $",\"x\":{deep}", ""])
                (await ChatAsync(server, "fast", extra)).ShouldBe(200);
        }

        System.IO.File.ReadAllLines(File).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("request").ValueKind)
            .ShouldBe([JsonValueKind.String, JsonValueKind.String, JsonValueKind.String, JsonValueKind.Object]);
    }

    [Fact]
    public async Task Capture_WithADiskThatRefuses_ServesAllTheSame()
    {
        await using var upstream = new ScriptedUpstream();
        // A folder stands where the file should be.
        Directory.CreateDirectory(File);
        await using var server = await StartAsync(upstream.BaseUrl, File, "*");

        for (var i = 0; i < 5; i++) (await ChatAsync(server, "fast", "")).ShouldBe(200);

        await Eventually.TrueAsync(() => server.Service<CapturePoint>().Held == 0);
        (await server.Client.GetStringAsync("/metrics")).ShouldContain("weir_capture_dropped_total 5");
    }

    [Fact]
    public async Task Capture_WhileADiskRefuses_SaysSoOnceAndThatItWritesAgainOnlyWhenItDoes()
    {
        await using var upstream = new ScriptedUpstream();
        Directory.CreateDirectory(File);
        var time = new ManualTimeProvider();
        var log = new RecordingLogger<CaptureWriter>();
        await using var server = await StartAsync(upstream.BaseUrl, File, "*", time, log);

        for (var i = 0; i < 3; i++)
        {
            (await ChatAsync(server, "fast", "")).ShouldBe(200);
            await Eventually.TrueAsync(() => server.Service<CapturePoint>().Held == 0);
        }

        log.Events.ShouldBe(["capture_failed"]);
        Directory.Delete(File);
        time.Advance(TimeSpan.FromSeconds(5));
        (await ChatAsync(server, "fast", "")).ShouldBe(200);
        await Eventually.TrueAsync(() => log.Lines.Count > 1);
        log.Lines.ToArray()[^1].ShouldBe(("capture_again", "Captured requests are written again; 3 were dropped.", null));
    }

    [Fact]
    public async Task Capture_OfALongBody_IsCutAndMarked()
    {
        await using var upstream = new ScriptedUpstream();
        await using (var server = await StartAsync(upstream.BaseUrl, File, "*"))
        {
            (await ChatAsync(server, "fast", $",\"pad\":\"{new string('x', CapturePoint.MostOfOne)}\"")).ShouldBe(200);
        }

        var line = JsonDocument.Parse(System.IO.File.ReadAllText(File)).RootElement;
        line.GetProperty("request_cut").GetBoolean().ShouldBeTrue();
        line.GetProperty("request").GetString()!.Length.ShouldBe(CapturePoint.MostOfOne);
        line.GetProperty("answer").ValueKind.ShouldBe(JsonValueKind.Object);
    }

    [Fact]
    public void File_AtItsBound_IsPutAsideAndTheOldestGoes()
    {
        using (var file = new CaptureFile(File, mostBytes: 10, kept: 2))
        {
            foreach (var line in (string[])["one......\n", "two......\n", "three....\n", "four.....\n"]) file.Append(Encoding.UTF8.GetBytes(line));
        }

        System.IO.File.ReadAllText(File).ShouldBe("four.....\n");
        System.IO.File.ReadAllText(File + ".1").ShouldBe("three....\n");
        System.IO.File.ReadAllText(File + ".2").ShouldBe("two......\n");
        Directory.GetFiles(_folder).Length.ShouldBe(3);
    }

    private static Task<RunningServer> StartAsync(string baseUrl, string file, string route, TimeProvider? time = null, ILogger<CaptureWriter>? log = null) => RunningServer.StartAsync(new()
    {
        Time = time ?? TimeProvider.System,
        Customize = builder =>
        {
            if (log is not null) builder.Services.AddSingleton(log);
        },
        Weir = new WeirOptions
        {
            Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = baseUrl, ApiKey = "sk-secret", Retry = new RetryOptions { Unavailable = 0 } } },
            Routes = new Dictionary<string, RouteOptions>
            {
                ["fast"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] },
                ["other"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] },
            },
            Telemetry = new TelemetryOptions { Capture = new CaptureOptions { Routes = [route], Path = file } },
        },
    });

    private static async Task<int> ChatAsync(RunningServer server, string model, string extra)
    {
        using var answer = await server.SendAsync(HttpMethod.Post, "/v1/chat/completions", body: new StringContent(
            $$"""{"model":"{{model}}","messages":["what was asked"]{{extra}}}""", Encoding.UTF8, "application/json"));
        await answer.Content.ReadAsStringAsync();
        return (int)answer.StatusCode;
    }
}
