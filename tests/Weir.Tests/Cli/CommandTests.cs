using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Weir.Cli;
using Weir.Cli.Commands;
using Weir.Server.Configuration;
using Weir.Server.Observability.Logging;
using Weir.Tests.Server;
using Weir.Tests.Support;

namespace Weir.Tests.Cli;

/// <summary>The commands as a user types them, in this process.</summary>
public sealed class CommandTests : IDisposable
{
    // Nothing listens there: port 9 (discard) is not served by anything that runs tests.
    private const string Nowhere = "http://127.0.0.1:9";

    private readonly string _folder = Path.Combine(Path.GetTempPath(), "weir-tests", Guid.NewGuid().ToString("N"));

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("frobnicate")]
    [InlineData("keys")]
    [InlineData("keys revoke")]
    [InlineData("status --colour")]
    [InlineData("")]
    public async Task Wrong_Usage_Is2(string line)
    {
        var (code, output, error) = await RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        code.ShouldBe(2);
        (output + error).ShouldContain("weir");
    }

    [Fact]
    public async Task Help_NamesEveryCommand()
    {
        var (code, output, _) = await RunAsync("--help");

        code.ShouldBe(0);
        foreach (var command in (string[])["up", "status", "keys"]) output.ShouldContain(command);
    }

    [Fact]
    public async Task Keys_WithoutAServer_AreMadeListedAndRevokedInTheStore()
    {
        string[] where = ["--url", Nowhere, "--data", _folder];
        var (code, secret, error) = await RunAsync(["keys", "create", "--name", "ci", "--role", "worker", "--spend", "10/day", "--expires", "90d", .. where]);
        code.ShouldBe(0, error);
        secret.Trim().ShouldStartWith("weir_");
        secret.Trim().Length.ShouldBe(48);

        var (_, json, _) = await RunAsync(["keys", "list", "--json", .. where]);
        var key = JsonDocument.Parse(json).RootElement.GetProperty("data")[0];
        key.GetProperty("name").GetString().ShouldBe("ci");
        key.GetProperty("spend").GetProperty("per").GetString().ShouldBe("day");
        json.ShouldNotContain(secret.Trim());

        var id = key.GetProperty("id").GetString()!;
        (await RunAsync(["keys", "revoke", id, .. where])).Code.ShouldBe(0);
        (await RunAsync(["keys", "revoke", id, .. where])).Code.ShouldBe(1);
        (await RunAsync(["keys", "list", .. where])).Output.ShouldContain("no keys");
    }

    [Fact]
    public async Task Keys_WithAServer_WorkAtOnceThere()
    {
        await using var server = await RunningServer.StartAsync(new() { Sockets = true, Folder = _folder });
        string[] where = ["--url", server.Address.ToString().TrimEnd('/'), "--data", _folder];

        var (code, secret, error) = await RunAsync(["keys", "create", .. where]);
        code.ShouldBe(0, error);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/status");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", secret.Trim());
        using var answer = await server.Client.SendAsync(request);

        answer.IsSuccessStatusCode.ShouldBeTrue();
        var (status, text, _) = await RunAsync(["status", .. where]);
        status.ShouldBe(0);
        text.ShouldContain("is ready");
        text.ShouldContain("keys           1");
    }

    [Theory]
    [InlineData("--role", "root", "There is no role 'root'")]
    [InlineData("--spend", "10", "10/day")]
    [InlineData("--spend", "10/year", "'day' or 'month'")]
    [InlineData("--expires", "soon", "90d")]
    [InlineData("--max-in-flight", "0", "at least 1")]
    public async Task KeysCreate_WrongValue_Is2AndSaysWhatIsRight(string flag, string value, string hint)
    {
        var (code, _, error) = await RunAsync("keys", "create", flag, value, "--url", Nowhere, "--data", _folder);

        code.ShouldBe(2);
        error.ShouldContain(hint);
    }

    [Fact]
    public async Task Keys_StateInMemoryWithoutAServer_Is1()
    {
        var (code, _, error) = await RunAsync("keys", "list", "--state", "memory", "--url", Nowhere, "--data", _folder);

        code.ShouldBe(1);
        error.ShouldContain("memory");
    }

    [Fact]
    public async Task Status_NothingThere_Is1AndSaysSo()
    {
        var (code, _, error) = await RunAsync("status", "--url", Nowhere, "--data", _folder);

        code.ShouldBe(1);
        error.ShouldContain("nothing listens");
    }

    [Fact]
    public async Task Up_Stopped_Is0AndHasSaidWhatToTry()
    {
        var output = new StringWriter();
        using var stop = new CancellationTokenSource();
        var up = UpCommand.RunAsync(Sources("http://127.0.0.1:0"), simulate: false, fixtures: false, LogFormat.Text, LogLevel.Information, output, TextWriter.Null, stop.Token);
        await Eventually.TrueAsync(() => up.IsCompleted || output.ToString().Contains("/v1/models", StringComparison.Ordinal));

        await stop.CancelAsync();

        (await up.WaitAsync(TimeSpan.FromSeconds(60))).ShouldBe(0, output.ToString());
        output.ToString().ShouldContain("sim is simulated");
        output.ToString().ShouldContain("memory");
        output.ToString().ShouldContain("\"model\":\"sim/sim-small\"");
    }

    [Fact]
    public async Task Up_PortInUse_Is1AndSaysSo()
    {
        await using var server = await RunningServer.StartAsync(new() { Sockets = true });
        var error = new StringWriter();

        var code = await UpCommand.RunAsync(Sources(server.Address.ToString().TrimEnd('/')), false, false, LogFormat.Text, LogLevel.Information, TextWriter.Null, error, CancellationToken.None);

        code.ShouldBe(1);
        error.ToString().ShouldContain("already listens");
    }

    [Fact]
    public async Task Up_OpenToTheNetworkWithoutAKey_Is2()
    {
        var error = new StringWriter();

        var code = await UpCommand.RunAsync(Sources("http://0.0.0.0:0"), false, false, LogFormat.Text, LogLevel.Information, TextWriter.Null, error, CancellationToken.None);

        code.ShouldBe(2);
        error.ToString().ShouldContain("WEIR_ADMIN_KEY");
    }

    [Fact]
    public async Task Up_RedisDatabaseThatDoesNotExist_Is2InOneSentence()
    {
        await using var redis = await State.Redis.RedisServer.StartAsync();

        var (code, _, error) = await RunAsync("up", "--state", $"redis://127.0.0.1:{redis.Port}/99", "--url", "http://127.0.0.1:0", "--data", _folder);

        code.ShouldBe(2);
        error.ShouldContain("has no database 99");
        error.Trim().ShouldNotContain("\n");
    }

    [Fact]
    public async Task Command_FailsUnforeseen_Is1InOneSentence()
    {
        var command = new Command("odd", "");
        command.SetAction((_, _) => Task.FromException<int>(new InvalidOperationException("not\nforeseen")));
        var error = new StringWriter();

        var code = await CommandLine.RunAsync(new RootCommand { command }, ["odd"], new InvocationConfiguration { Error = error });

        code.ShouldBe(1);
        error.ToString().Trim().ShouldBe("weir: odd failed (InvalidOperationException): not foreseen");
    }

    private ConfigurationSources Sources(string url) => new()
    {
        Arguments = ["--server.url=" + url, "--server.data=" + _folder, "--state=memory"],
    };

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        var root = new RootCommand("weir") { UpCommand.Create(), StatusCommand.Create(), KeysCommand.Create() };
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = await CommandLine.RunAsync(root, args, new InvocationConfiguration { Output = output, Error = error });
        return (code, output.ToString(), error.ToString());
    }
}
