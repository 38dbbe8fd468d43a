using System.Net;
using Weir.Inference.Providers;
using Weir.Server.Configuration;
using Weir.Tests.Support;
using static Weir.Tests.Server.Configuration.Loading;

namespace Weir.Tests.Server.Configuration;

public sealed class ProviderDiscoveryTests
{
    private static readonly ProviderOptions Sim = new() { BaseUrl = "http://sim/v1" };

    [Fact]
    public async Task FindAsync_Nothing_GivesTheSimulatedOne() =>
        (await FindAsync([], new Ollama(null))).Keys.ShouldBe(["sim"]);

    [Fact]
    public async Task FindAsync_Keys_GiveTheirProvidersAndNoSimulatedOne()
    {
        var found = await FindAsync(
            Env(("OPENAI_API_KEY", " k1\n"), ("GROQ_API_KEY", "k2"), ("XAI_API_KEY", " "), ("GEMINI_API_KEY", "")), new Ollama(null));

        found.Keys.ShouldBe(["openai", "groq"], ignoreOrder: true);
        found["openai"].ApiKey.ShouldBe("k1");
        found["openai"].Preset.ShouldBe("openai");
    }

    [Fact]
    public async Task FindAsync_OllamaAnswers_IsOffered() =>
        (await FindAsync([], new Ollama(HttpStatusCode.OK))).Keys.ShouldBe(["ollama"]);

    [Fact]
    public async Task FindAsync_SomethingElseOnThePort_IsNotOllama() =>
        (await FindAsync([], new Ollama(HttpStatusCode.NotFound))).Keys.ShouldBe(["sim"]);

    [Fact]
    public async Task FindAsync_OllamaHangs_GivesUpInTime()
    {
        var time = new ManualTimeProvider();
        var found = FindAsync([], new Ollama(hangs: true), time);
        await time.WhenArmedAsync();

        time.Advance(ProviderDiscovery.ProbeTimeout);

        (await found).Keys.ShouldBe(["sim"]);
    }

    [Fact]
    public async Task FindAsync_Cancelled_Throws()
    {
        using var cancellation = new CancellationTokenSource();
        var found = FindAsync([], new Ollama(hangs: true), new ManualTimeProvider(), cancellation.Token);

        await cancellation.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(found);
    }

    [Fact]
    public void ProviderOptions_AsText_ShowsNoKey() =>
        new ProviderOptions { Preset = "openai", ApiKey = "hunter2", ApiKeys = ["hunter2"] }.ToString().ShouldNotContain("hunter2");

    private static async Task<IReadOnlyDictionary<string, ProviderOptions>> FindAsync(
        Dictionary<string, string> environment, Ollama ollama, TimeProvider? time = null, CancellationToken cancellation = default)
    {
        using var http = new HttpMessageInvoker(ollama);
        return await ProviderDiscovery.FindAsync(environment, _ => new(Sim), http, time ?? new ManualTimeProvider(), cancellation);
    }

    private sealed class Ollama(HttpStatusCode? status = null, bool hangs = false) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (hangs)
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            return status is { } answer ? new HttpResponseMessage(answer) : throw new HttpRequestException("refused");
        }
    }
}
