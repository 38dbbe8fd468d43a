using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Server.Keys;

namespace Weir.Tests.Server.Endpoints;

public sealed class DescribedEndpointsTests
{
    [Fact]
    public async Task OpenApi_NamesEveryEndpointWithASummary()
    {
        await using var server = await RunningServer.StartAsync();

        var document = await server.Client.GetFromJsonAsync<JsonElement>("/openapi/v1.json");

        var paths = document.GetProperty("paths");
        foreach (var endpoint in server.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>())
        {
            var path = endpoint.RoutePattern.RawText!.Replace("{**", "{", StringComparison.Ordinal);
            if (path.StartsWith("/openapi", StringComparison.Ordinal)) continue;
            paths.TryGetProperty(path, out var operations).ShouldBeTrue(path);
            foreach (var method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods)
            {
                var operation = operations.GetProperty(method.ToLowerInvariant());
                operation.GetProperty("summary").GetString().ShouldNotBeNullOrEmpty($"{method} {path}");
                ParametersOf(operation, "path").ShouldBe(endpoint.RoutePattern.Parameters.Select(p => p.Name), ignoreOrder: true, $"{method} {path}");
            }
        }

        ParametersOf(paths.GetProperty("/v1/history").GetProperty("get"), "query").ShouldBe(["minutes"]);
    }

    private static IEnumerable<string> ParametersOf(JsonElement operation, string place) =>
        operation.TryGetProperty("parameters", out var all)
            ? all.EnumerateArray().Where(p => p.GetProperty("in").GetString() == place).Select(p => p.GetProperty("name").GetString()!)
            : [];

    [Fact]
    public async Task Ready_Healthy_NamesEachDependency()
    {
        await using var server = await RunningServer.StartAsync();

        using var answer = await server.Client.GetAsync("/health/ready");
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>();

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        body.GetProperty("status").GetString().ShouldBe("ready");
        body.GetProperty("dependencies").GetProperty("keys").GetProperty("status").GetString().ShouldBe("ok");
        // The memory store warns that it forgets.
        body.GetProperty("dependencies").GetProperty("state").GetProperty("status").GetString().ShouldBe("degraded");
        body.GetProperty("dependencies").GetProperty("state").GetProperty("details")[0].GetString()!.ShouldContain("memory");
    }

    [Fact]
    public async Task Status_SaysWhatTheReplicaIs()
    {
        await using var inner = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        await using var server = await RunningServer.StartAsync(new() { Store = new UnreliableStore(inner, new Random(1)) });

        var body = await server.Client.GetFromJsonAsync<JsonElement>("/v1/status");

        body.GetProperty("status").GetString().ShouldBe("ready");
        body.GetProperty("fleet").GetString().ShouldBe("default");
        body.GetProperty("in_flight").GetInt32().ShouldBe(1);
        body.GetProperty("state").GetProperty("available").GetBoolean().ShouldBeTrue();
        body.GetProperty("version").GetString()!.ShouldStartWith("0.");
    }
}
