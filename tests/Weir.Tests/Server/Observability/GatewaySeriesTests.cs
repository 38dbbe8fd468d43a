using System.Net;
using System.Text;
using Weir.Inference.Providers;
using Weir.Inference.Routing;
using Weir.Server.Configuration;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Server.Observability;

public sealed class GatewaySeriesTests
{
    [Fact]
    public async Task Metrics_AfterAStream_HaveTheConventionsSeriesWithTheirBounds()
    {
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            await exchange.BeginStreamAsync();
            await exchange.EventAsync("""{"usage":{"prompt_tokens":100,"completion_tokens":9}}""");
            await exchange.EventAsync("[DONE]");
            await exchange.EndAsync();
        });
        await using var server = await RunningServer.StartAsync(new()
        {
            Weir = new WeirOptions
            {
                Providers = new Dictionary<string, ProviderOptions> { ["p"] = new() { BaseUrl = upstream.BaseUrl } },
                Routes = new Dictionary<string, RouteOptions> { ["fast"] = new() { Deployments = [new() { Provider = "p", Model = "m" }] } },
            },
        });
        using (var answer = await server.SendAsync(HttpMethod.Post, "/v1/chat/completions", body: new StringContent(
            """{"model":"fast","messages":[],"stream":true}""", Encoding.UTF8, "application/json")))
        {
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            await answer.Content.ReadAsStringAsync();
        }

        var text = await server.Client.GetStringAsync("/metrics");

        foreach (var part in (string[])
            [
                "gen_ai_client_operation_duration_seconds_bucket{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"p\",gen_ai_request_model=\"m\",server_address=\"127.0.0.1\"",
                "gen_ai_client_token_usage_sum", "gen_ai_token_type=\"input\"", "le=\"67108864\"",
                "gen_ai_server_request_duration_seconds_count", "gen_ai_server_time_to_first_token_seconds_count", "gen_ai_server_time_per_output_token_seconds_count",
                "weir_inference_attempts_total{deployment=\"p/m\",outcome=\"answered\"} 1", "weir_inference_in_flight{deployment=\"p/m\"} 0",
                "weir_inference_breaker_open{deployment=\"p/m\"} 0", "weir_inference_paused{provider=\"p\"} 0", "weir_inference_retries_left{provider=\"p\"} 10",
            ])
        {
            text.ShouldContain(part);
        }
    }
}
