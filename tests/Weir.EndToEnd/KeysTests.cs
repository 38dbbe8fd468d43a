using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Weir.EndToEnd.Support;

namespace Weir.EndToEnd;

public sealed class KeysTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Loopback_UntilTheFirstAppKey_IsOpenAndThenClosed()
    {
        await using var weir = await Server.UpAsync(_scratch);
        (await StatusAsync(weir, key: null)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(weir, key: "sk-whatever-an-sdk-sends")).ShouldBe(HttpStatusCode.OK);

        var key = await CreateKeyAsync(weir);

        (await StatusAsync(weir, key)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(weir, key: null)).ShouldBe(HttpStatusCode.Unauthorized);
        (await StatusAsync(weir, key: "sk-whatever-an-sdk-sends")).ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task KeysCommand_WhileTheServerRuns_MakesAKeyThatWorks()
    {
        await using var weir = await Server.UpAsync(_scratch);

        var (code, output) = await ChildProcess.RunAsync(
            "dotnet",
            [Artifacts.WeirDll, "keys", "create", "--name", "worker", "--url", weir.Url, "--data", Path.Combine(_scratch.Path, "data")],
            _scratch.Path,
            TimeSpan.FromSeconds(60));

        code.ShouldBe(0, output);
        var key = output.Split([' ', '\n', '"'], StringSplitOptions.RemoveEmptyEntries).First(word => word.StartsWith("weir_", StringComparison.Ordinal));
        (await StatusAsync(weir, key)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(weir, key: null)).ShouldBe(HttpStatusCode.Unauthorized);
    }

    private static async Task<HttpStatusCode> StatusAsync(Server weir, string? key)
    {
        using var answer = await weir.ChatAsync("sim/sim-small", "hello", key: key);
        return answer.StatusCode;
    }

    private async Task<string> CreateKeyAsync(Server weir)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/keys") { Content = JsonContent.Create(new { name = "test", roles = new[] { "app" } }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(_scratch.Path, "data", "admin.key"))).Trim());
        using var response = await weir.Client.SendAsync(request);
        response.StatusCode.ShouldBe(HttpStatusCode.Created);
        return (string)(await response.Content.ReadFromJsonAsync<JsonObject>())!["key"]!;
    }
}
