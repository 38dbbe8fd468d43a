using System.CommandLine;
using System.Net;
using Weir.Cli;
using Weir.Cli.Commands;
using Weir.Server.Configuration;
using Weir.Server.Configuration.Schema;

namespace Weir.Tests.Cli.Commands;

public sealed class CheckCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("weir-check-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Run_GoodFile_SaysInOneLineWhatItHolds()
    {
        var file = Write("""
            { "state": "memory", "providers": { "box": { "base_url": "http://box/v1" } },
              "routes": { "fast": { "deployments": [ { "provider": "box", "model": "m" } ] } } }
            """);

        var (code, output, error) = await InvokeAsync("check", "--config", file);

        code.ShouldBe(0, error);
        output.ShouldBe($"{file}: 1 provider (box); 1 route (fast); state memory; at http://127.0.0.1:7800{Environment.NewLine}");
        error.ShouldBeEmpty();
    }

    [Fact]
    public async Task Run_Faults_AreAllPrintedAndTheCodeIs2()
    {
        var file = Write("""{ "server": { "drian": "1s" }, "providers": { "box": { } } }""");

        var (code, output, error) = await InvokeAsync("check", "--config", file, "--server.max_body=x", "--url", "nowhere");

        code.ShouldBe(2);
        output.ShouldBeEmpty();
        error.ShouldContain($"{file}:1:15: server.drian");
        error.ShouldContain("providers.box.base_url");
        error.ShouldContain("--server.max_body: server.max_body");
        error.ShouldContain("--server.url: server.url");
        error.ShouldContain("4 faults");
    }

    [Fact]
    public async Task Run_RouteToTheSimulatedProvider_IsGoodWithSimulateAlone()
    {
        var file = Write("""
            { "providers": { "box": { "base_url": "http://box/v1" } },
              "routes": { "fast": { "deployments": [ { "provider": "sim", "model": "m" } ] } } }
            """);

        (await InvokeAsync("check", "--config", file)).Code.ShouldBe(2);
        (await InvokeAsync("check", "--config", file, "--simulate")).Code.ShouldBe(0);
    }

    // As 'weir check --config <(…)' does: a pipe has no length and can be read once.
    [Fact]
    public async Task RunAsync_FileIsAPipe_IsReadToItsEnd()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no such pipe.");
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.Out, HandleInheritability.Inheritable);
        using var reading = pipe.ClientSafePipeHandle;
        var sources = new ConfigurationSources
        {
            File = $"/dev/fd/{reading.DangerousGetHandle()}",
            Environment = new Dictionary<string, string> { ["GROQ_API_KEY"] = "k" },
        };
        pipe.Write("""{ "state": "memory" }"""u8);
        var (output, error) = (new StringWriter(), new StringWriter());
        using var http = new HttpMessageInvoker(new NobodyThere());
        var checking = Task.Run(() => CheckCommand.RunAsync(sources, simulate: false, http, output, error, CancellationToken.None));
        // The end of a pipe is its writer's end.
        pipe.Dispose();

        var code = await checking.WaitAsync(TimeSpan.FromSeconds(30));

        code.ShouldBe(0, error.ToString());
        output.ToString().ShouldContain("1 provider (groq); no routes; state memory");
    }

    [Fact]
    public async Task RunAsync_NoProviders_LooksForThem()
    {
        var sources = new ConfigurationSources { Environment = new Dictionary<string, string> { ["GROQ_API_KEY"] = "hunter2" } };
        using var http = new HttpMessageInvoker(new NobodyThere());
        var (output, error) = (new StringWriter(), new StringWriter());

        var code = await CheckCommand.RunAsync(sources, simulate: false, http, output, error, CancellationToken.None);

        code.ShouldBe(0);
        output.ToString().ShouldStartWith("no file: 1 provider (groq); no routes; state sqlite");
        output.ToString().ShouldNotContain("hunter2");
    }

    [Fact]
    public async Task Run_Schema_PrintsIt() => (await InvokeAsync("check", "--schema")).Output.ShouldBe(ConfigurationSchema.Write());

    private static async Task<(int Code, string Output, string Error)> InvokeAsync(params string[] args)
    {
        var configuration = new InvocationConfiguration { Output = new StringWriter(), Error = new StringWriter() };
        var code = await CommandLine.RunAsync(new RootCommand { CheckCommand.Create() }, args, configuration);
        return (code, configuration.Output.ToString()!, configuration.Error.ToString()!);
    }

    private string Write(string json)
    {
        var path = Path.Combine(_folder.FullName, "weir.json");
        File.WriteAllText(path, json);
        return path;
    }

    private sealed class NobodyThere : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage(HttpStatusCode.NotFound));
    }
}
