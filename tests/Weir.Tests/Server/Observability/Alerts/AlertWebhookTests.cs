using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Weir.Server.Configuration;
using Weir.Server.Observability.Alerts;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Observability.Alerts;

public sealed class AlertWebhookTests
{
    private static readonly AlertChange Change =
        new(new ActiveAlert("id1", "cpu_over", "", 0.9, 0.8, DateTimeOffset.UnixEpoch), IsBegin: true, DateTimeOffset.UnixEpoch.AddMinutes(2));

    private readonly ManualTimeProvider _time = new();
    private readonly RecordingLogger<AlertWebhook> _log = new();
    private readonly Scripted _handler = new();

    [Fact]
    public async Task Post_Taken_IsOneRequestWithTheAlert()
    {
        using var webhook = Webhook("https://hooks.example/secret-path");
        webhook.Post(Change);
        await webhook.StartAsync(TestContext.Current.CancellationToken);

        var body = await _handler.NextAsync();

        var json = JsonDocument.Parse(body).RootElement;
        json.GetProperty("id").GetString().ShouldBe("id1");
        json.GetProperty("alert").GetString().ShouldBe("cpu_over");
        json.GetProperty("state").GetString().ShouldBe("begin");
        json.GetProperty("replica").GetString().ShouldBe("here");
        json.GetProperty("value").GetDouble().ShouldBe(0.9);
        await webhook.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Post_RefusedThenAway_IsTriedAgainAndNeverShowsTheAddress()
    {
        _handler.Answers.Enqueue(() => new HttpResponseMessage(HttpStatusCode.InternalServerError));
        _handler.Answers.Enqueue(() => throw new HttpRequestException(HttpRequestError.ConnectionError, "https://hooks.example/secret-path is away"));
        using var webhook = Webhook("https://hooks.example/secret-path");
        await webhook.StartAsync(TestContext.Current.CancellationToken);
        webhook.Post(Change);

        for (var tries = 0; tries < 2; tries++)
        {
            await _handler.NextAsync();
            await AdvanceAsync(TimeSpan.FromSeconds(1 << tries));
        }

        await _handler.NextAsync();
        await webhook.StopAsync(TestContext.Current.CancellationToken);
        _log.Events.ShouldBe(["alert_webhook_failed", "alert_webhook_failed"]);
        _log.Lines.ShouldAllBe(line => !line.Text.Contains("secret-path") && line.Exception == null);
    }

    [Fact]
    public async Task Post_ToOneThatNeverAnswers_GivesUpAndGoesOn()
    {
        using var webhook = Webhook("https://hooks.example/x");
        for (var i = 0; i < 6; i++) _handler.Answers.Enqueue(() => new HttpResponseMessage(HttpStatusCode.Found));
        await webhook.StartAsync(TestContext.Current.CancellationToken);
        webhook.Post(Change);
        webhook.Post(Change with { IsBegin = false });

        for (var tries = 0; tries < 6; tries++)
        {
            await _handler.NextAsync();
            if (tries < 5) await AdvanceAsync(TimeSpan.FromSeconds(1 << tries));
        }

        (await _handler.NextAsync()).ShouldContain("\"end\"");
        await webhook.StopAsync(TestContext.Current.CancellationToken);
        _log.Events.Last().ShouldBe("alert_webhook_given_up");
    }

    [Fact]
    public void Post_PastTheBound_DropsAndSaysSo()
    {
        using var webhook = Webhook("https://hooks.example/x");

        for (var i = 0; i <= AlertWebhook.Capacity; i++) webhook.Post(Change);

        _log.Events.ShouldBe(["alert_webhook_full"]);
    }

    private AlertWebhook Webhook(string address) => new(
        new LiveConfiguration(new WeirOptions { Alerts = new AlertOptions { Webhook = address } }),
        new ReplicaName("here"),
        new AlertWebhookHandler(_handler),
        new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>(),
        _time,
        _log);

    // Until the back-off is what it waits for.
    private async Task AdvanceAsync(TimeSpan backoff)
    {
        await Eventually.TrueAsync(() => _time.NextTimer == backoff);
        _time.Advance(backoff);
    }

    private sealed class Scripted : HttpMessageHandler
    {
        private readonly SemaphoreSlim _came = new(0);
        private readonly ConcurrentQueue<string> _bodies = new();

        public ConcurrentQueue<Func<HttpResponseMessage>> Answers { get; } = new();

        public async Task<string> NextAsync()
        {
            (await _came.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBeTrue();
            _bodies.TryDequeue(out var body);
            return body!;
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            _bodies.Enqueue(await request.Content!.ReadAsStringAsync(cancellationToken));
            _came.Release();
            return Answers.TryDequeue(out var answer) ? answer() : new HttpResponseMessage(HttpStatusCode.NoContent);
        }
    }
}
