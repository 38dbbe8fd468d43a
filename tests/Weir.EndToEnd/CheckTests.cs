using Weir.EndToEnd.Support;

namespace Weir.EndToEnd;

public sealed class CheckTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Check_GoodConfiguration_Ends0()
    {
        var (code, output) = await CheckAsync("""
            {
              // Comments are allowed.
              "providers": { "box": { "dialect": "openai", "base_url": "http://127.0.0.1:1/v1" } },
              "routes": { "fast": { "deployments": [ { "provider": "box", "model": "m" } ] } },
            }
            """);

        code.ShouldBe(0, output);
    }

    [Fact]
    public async Task Check_SeveralFaults_Ends2AndNamesEach()
    {
        var (code, output) = await CheckAsync("""
            {
              "providers": { "box": { "dialect": "openai", "base_url": "http://127.0.0.1:1/v1", "colour": "red" } },
              "routes": { "fast": { "timeout": "soon", "deployments": [ { "provider": "bax", "model": "m" } ] } }
            }
            """);

        code.ShouldBe(2, output);
        foreach (var fault in new[] { "colour", "timeout", "deployments[0].provider" })
            output.ShouldContain(fault);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    public async Task Check_NotAConfiguration_Ends2(string text) => (await CheckAsync(text)).Code.ShouldBe(2);

    [Fact]
    public async Task Check_NoSuchFile_Ends2() =>
        (await RunAsync("check", "--config", Path.Combine(_scratch.Path, "none.json"))).Code.ShouldBe(2);

    [Theory]
    [InlineData("up", "--no-such-flag")]
    [InlineData("sim", "--error-rate", "2")]
    [InlineData("sim", "--latency", "later")]
    [InlineData("nonsense")]
    public async Task Weir_WrongUsage_Ends2(params string[] arguments)
    {
        var (code, output) = await RunAsync(arguments);

        code.ShouldBe(2, output);
    }

    [Fact]
    public async Task ExampleConfiguration_IsGood()
    {
        var (code, output) = await RunAsync("check", "--config", Artifacts.Example("thousand-prompts", "weir.json"));

        code.ShouldBe(0, output);
    }

    [Fact]
    public async Task ExampleToStartFrom_IsGoodAsSoonAsItsKeysAreSet()
    {
        var text = File.ReadAllText(Artifacts.Example("weir.json")).Replace("${OPENAI_API_KEY}", "sk-1", StringComparison.Ordinal).Replace("${ANTHROPIC_API_KEY}", "sk-2", StringComparison.Ordinal);

        var (code, output) = await CheckAsync(text);

        code.ShouldBe(0, output);
        output.ShouldNotContain("warning");
    }

    private Task<(int Code, string Output)> CheckAsync(string text) => RunAsync("check", "--config", _scratch.Write("weir.json", text));

    private Task<(int Code, string Output)> RunAsync(params string[] arguments) =>
        ChildProcess.RunAsync("dotnet", [Artifacts.WeirDll, .. arguments], _scratch.Path, TimeSpan.FromSeconds(60));
}
