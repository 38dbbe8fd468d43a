using Weir.EndToEnd.Support;

namespace Weir.EndToEnd;

/// <summary>The Python client under the system's Python, by its own tests.</summary>
public sealed class PythonClientTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Unittest_AgainstAServerOfItsOwn_Passes() => (await UnittestAsync([])).ShouldContain("\nOK");

    [Fact]
    public async Task Unittest_AgainstARunningWeir_Passes()
    {
        await using var weir = await Server.UpAsync(_scratch);

        (await UnittestAsync(["-k", "Live"], weir.Url)).ShouldEndWith("OK\n");
    }

    [Fact]
    public async Task Unittest_AgainstAWeirThatLeases_Passes()
    {
        await using var weir = await Server.UpAsync(_scratch, "--config", _scratch.Write("weir.json", """{ "kinds": { "rag": { "capacity": 3 } } }"""));

        (await UnittestAsync(["-k", "Leased"], weir.Url, "WEIR_LEASES_URL")).ShouldEndWith("OK\n");
    }

    [Fact]
    public async Task CommandLine_WithoutArguments_SaysHowItIsUsed()
    {
        var (code, output) = await ChildProcess.RunAsync("python3", ["-B", Script("weir.py"), "--help"], _scratch.Path, TimeSpan.FromSeconds(30));

        code.ShouldBe(0, output);
        output.ShouldContain("embed");
    }

    private static string Script(string name) => Path.Combine(Artifacts.Root, "clients", "python", name);

    private async Task<string> UnittestAsync(string[] arguments, string? url = null, string name = "WEIR_LIVE_URL")
    {
        await using var python = new ChildProcess(
            "python3", ["-B", "-W", "error::ResourceWarning", "-m", "unittest", "discover", "-s", Path.GetDirectoryName(Script("weir.py"))!, .. arguments], _scratch.Path,
            new Dictionary<string, string?> { [name] = url });
        (await python.ExitAsync(TimeSpan.FromMinutes(2))).ShouldBe(0, python.Output);
        return python.Output;
    }
}
