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
    public async Task CommandLine_WithoutArguments_SaysHowItIsUsed()
    {
        var (code, output) = await ChildProcess.RunAsync("python3", ["-B", Script("weir.py"), "--help"], _scratch.Path, TimeSpan.FromSeconds(30));

        code.ShouldBe(0, output);
        output.ShouldContain("embed");
    }

    private static string Script(string name) => Path.Combine(Artifacts.Root, "clients", "python", name);

    private async Task<string> UnittestAsync(string[] arguments, string? url = null)
    {
        await using var python = new ChildProcess(
            "python3", ["-B", "-W", "error::ResourceWarning", "-m", "unittest", "discover", "-s", Path.GetDirectoryName(Script("weir.py"))!, .. arguments], _scratch.Path,
            new Dictionary<string, string?> { ["WEIR_LIVE_URL"] = url });
        (await python.ExitAsync(TimeSpan.FromMinutes(2))).ShouldBe(0, python.Output);
        return python.Output;
    }
}
