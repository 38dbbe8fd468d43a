using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.Server.Keys;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Every endpoint that is mapped, by every sort of caller.</summary>
public sealed class EndpointRolesTests : IAsyncLifetime
{
    private static readonly string[] Callers = ["nobody", "unknown", "app", "worker", "node", "admin", "expired"];

    // Who may. An endpoint that is mapped and not named here fails the test below: write down who may use it.
    private static readonly Dictionary<string, Role> Table = new()
    {
        ["GET /health/live"] = Role.None,
        ["GET /health/ready"] = Role.None,
        ["GET /openapi/{documentName}.json"] = Role.None,
        ["GET /metrics"] = Role.Any,
        ["GET /v1/status"] = Role.Any,
        ["POST /v1/apply"] = Role.Admin,
        ["GET /v1/usage"] = Role.Any,
        ["POST /v1/batch"] = Role.App,
        ["GET /v1/history"] = Role.Any,
        ["GET /v1/embeddings/stats"] = Role.Any,
        ["DELETE /v1/embeddings/cache"] = Role.Admin,
        ["GET /status"] = Role.Any,
        ["POST /allocate"] = Role.Worker,
        ["POST /release"] = Role.Worker,
        ["POST /v1/leases"] = Role.Worker,
        ["GET /v1/leases"] = Role.Worker,
        ["GET /v1/leases/{id}"] = Role.Worker,
        ["GET /v1/leases/{id}/observations"] = Role.Worker,
        ["POST /v1/leases/{id}/renew"] = Role.Worker,
        ["DELETE /v1/leases/{id}"] = Role.Worker,
        ["DELETE /v1/leases/{id}/resources/{resource}"] = Role.Worker,
        ["POST /v1/keys"] = Role.Admin,
        ["GET /v1/keys"] = Role.Admin,
        ["DELETE /v1/keys/{id}"] = Role.Admin,
    };

    // Served by capabilities with tests of their own for what they answer; here only who may.
    private static readonly (string Prefix, Role Role)[] ByPrefix =
    [
        ("/v1/chat/completions", Role.App),
        ("/v1/completions", Role.App),
        ("/v1/responses", Role.App),
        ("/v1/embeddings", Role.App),
        ("/v1/collections", Role.App),
        ("/v1/messages", Role.App),
        ("/v1/models", Role.App),
        ("/v1/files", Role.App),
        ("/v1/batch", Role.App),
        ("/v1/batches", Role.App),
        ("/v1/catalogs", Role.App),
        ("/mcp", Role.Worker),
        // No key: a token of its own, which none of these callers has.
        ("/doors", Role.None),
        ("/v1/kinds", Role.Any),
        ("/v1/resources", Role.Any),
        ("/v1/providers", Role.Any),
        ("/v1/routes", Role.Any),
    ];

    private readonly Dictionary<string, string?> _keys = [];
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        foreach (var role in (string[])["app", "worker", "node", "admin"]) _keys[role] = await _server.AddKeyAsync(role);
        _keys["nobody"] = null;
        _keys["unknown"] = KeySecret.Create();
        _keys["expired"] = await _server.AddKeyAsync(new KeyRequest { Roles = ["admin"], Expires = DateTimeOffset.UnixEpoch });
    }

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task EveryEndpoint_ByEveryRole_AnswersOnlyWhomItMay()
    {
        var endpoints = _server.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().ToList();
        endpoints.ShouldNotBeEmpty();
        foreach (var endpoint in endpoints)
        {
            var path = endpoint.RoutePattern.RawText!;
            foreach (var method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods)
            {
                var needed = Needed(method, path);
                endpoint.Metadata.GetMetadata<Requirement>().ShouldNotBeNull($"{method} {path} declares nobody").Role.ShouldBe(needed, $"{method} {path}");
                foreach (var caller in Callers) await CheckAsync(method, path, needed, caller);
            }
        }
    }

    private static Role Needed(string method, string path)
    {
        if (Table.TryGetValue($"{method} {path}", out var role)) return role;
        foreach (var (prefix, prefixRole) in ByPrefix)
        {
            if (path.StartsWith(prefix, StringComparison.Ordinal))
                return method == "GET" || prefixRole is Role.App or Role.Worker or Role.None ? prefixRole : Role.Admin;
        }

        throw new InvalidOperationException($"{method} {path} has no row in the table of roles.");
    }

    private async Task CheckAsync(string method, string path, Role needed, string caller)
    {
        var concrete = path.Replace("{documentName}", "v1", StringComparison.Ordinal).Replace("{**id}", "x", StringComparison.Ordinal)
            .Replace("{id}", "x", StringComparison.Ordinal).Replace("{name}", "x", StringComparison.Ordinal).Replace("{tool}", "x", StringComparison.Ordinal)
            .Replace("{kind}", "x", StringComparison.Ordinal).Replace("{resource}", "x", StringComparison.Ordinal).Replace("{**path}", "x", StringComparison.Ordinal);
        using var body = method == "POST" ? new StringContent("not json", Encoding.UTF8, "application/json") : null;
        using var answer = await _server.SendAsync(new HttpMethod(method), concrete, _keys[caller], body);

        var what = $"{method} {path} by {caller}";
        var held = Roles.Expand(Roles.Parse(caller) ?? Role.None);
        if (path.StartsWith("/doors", StringComparison.Ordinal))
            answer.StatusCode.ShouldBe(HttpStatusCode.Unauthorized, what);
        else if (needed == Role.None || (held & needed) != 0)
            ((int)answer.StatusCode).ShouldNotBeOneOf([401, 403], what);
        else
            answer.StatusCode.ShouldBe(held == Role.None ? HttpStatusCode.Unauthorized : HttpStatusCode.Forbidden, what);
    }
}
