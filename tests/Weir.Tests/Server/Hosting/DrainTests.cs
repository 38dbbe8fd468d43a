using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Weir.Server.Configuration;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Hosting;

public sealed class DrainTests
{
    [Fact]
    public async Task Stop_WithARequestInFlight_RefusesNewOnesAndLetsItEnd()
    {
        var held = new Held();
        await using var server = await RunningServer.StartAsync(held.Options(TimeSpan.FromSeconds(60)));
        var inFlight = server.Client.GetAsync("/hold");
        await held.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30));

        var stopping = server.App.StopAsync();
        await Eventually.TrueAsync(() => server.Service<Drain>().Phase == ServerPhase.Draining);

        using var ready = await server.Client.GetAsync("/health/ready");
        ready.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await ready.Content.ReadAsStringAsync()).ShouldContain("\"draining\"");
        (await server.Client.GetAsync("/health/live")).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var refused = await server.Client.GetAsync("/hold");
        refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        refused.Headers.RetryAfter.ShouldNotBeNull();
        (await refused.Content.ReadAsStringAsync()).ShouldContain("draining");
        stopping.IsCompleted.ShouldBeFalse();

        held.Release.SetResult();
        (await (await inFlight).Content.ReadAsStringAsync()).ShouldBe("held to the end");
        await stopping.WaitAsync(TimeSpan.FromSeconds(30));
    }

    // The host's own margin is out of reach here: it is the drain that cuts.
    [Fact]
    public async Task Stop_WithARequestThatDoesNotEnd_CutsItWhenTheDrainIsOver()
    {
        var held = new Held();
        await using var server = await RunningServer.StartAsync(held.Options(TimeSpan.FromMilliseconds(200)) with
        {
            Customize = b => b.Services.PostConfigure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromHours(1)),
        });
        var inFlight = server.Client.GetAsync("/hold");
        await held.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30));

        await server.App.StopAsync().WaitAsync(TimeSpan.FromSeconds(60));

        await Should.ThrowAsync<HttpRequestException>(() => inFlight);
    }

    [Fact]
    public async Task Stop_Idle_IsAtOnce()
    {
        await using var server = await RunningServer.StartAsync(new Held().Options(TimeSpan.FromMinutes(10)));
        (await server.Client.GetAsync("/health/ready")).StatusCode.ShouldBe(HttpStatusCode.OK);

        await server.App.StopAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }

    private sealed class Held
    {
        public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public RunningServer.Options Options(TimeSpan drain) => new()
        {
            Sockets = true,
            Weir = new WeirOptions { Server = new ServerOptions { Drain = drain } },
            Map = app => app.MapGet("/hold", async context =>
            {
                Entered.TrySetResult();
                await Release.Task.WaitAsync(context.RequestAborted);
                await context.Response.WriteAsync("held to the end");
            }).Requires(Role.Any),
        };
    }
}
