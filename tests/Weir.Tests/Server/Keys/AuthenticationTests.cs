using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Weir.Server;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Keys;

/// <summary>Who gets in, through the whole server.</summary>
public sealed class AuthenticationTests
{
    private static readonly RunningServer.Options WhoAmI = new()
    {
        Map = app => app.MapGet("/who", context => context.Response.WriteAsync(context.GetCaller().KeyId + "/" + context.GetCaller().Tenant)).Requires(Role.Any),
    };

    [Fact]
    public async Task NoKey_OnLoopbackWithoutKeys_IsTenantLocal()
    {
        await using var server = await RunningServer.StartAsync(WhoAmI);

        (await server.Client.GetStringAsync("/who")).ShouldBe("loopback/local");
    }

    [Fact]
    public async Task UnknownBearer_OnKeylessLoopback_IsIgnored()
    {
        await using var server = await RunningServer.StartAsync(WhoAmI);

        using var answer = await server.SendAsync(HttpMethod.Get, "/who", "sk-whatever");

        (await answer.Content.ReadAsStringAsync()).ShouldBe("loopback/local");
    }

    [Theory]
    [InlineData("X-Forwarded-For", "203.0.113.9")]
    [InlineData("Forwarded", "for=203.0.113.9")]
    [InlineData("Host", "weir.example")]
    [InlineData("Origin", "https://evil.example")]
    public async Task NoKey_PassedOnOrFromElsewhere_Is401EvenWithABearerThatIsUnknown(string header, string value)
    {
        await using var server = await RunningServer.StartAsync(WhoAmI);

        using var bare = await server.SendAsync(HttpMethod.Get, "/who", headers: (header, value));
        using var bearer = await server.SendAsync(HttpMethod.Get, "/who", "sk-whatever", headers: (header, value));

        bare.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        bare.Headers.WwwAuthenticate.ToString().ShouldBe("Bearer");
        bearer.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task KnownKey_PassedOn_IsLetIn()
    {
        await using var server = await RunningServer.StartAsync(WhoAmI);

        using var answer = await server.SendAsync(HttpMethod.Get, "/who", server.AdminKey, headers: ("X-Forwarded-For", "203.0.113.9"));

        (await answer.Content.ReadAsStringAsync()).ShouldBe("admin/admin");
    }

    [Fact]
    public async Task FirstAppKey_ClosesKeylessLoopback_AndItsRevocationOpensIt()
    {
        await using var server = await RunningServer.StartAsync(WhoAmI);
        var (record, secret) = await server.AddKeyRecordAsync(new KeyRequest { Tenant = "acme" });

        (await server.Client.GetAsync("/who")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var known = await server.SendAsync(HttpMethod.Get, "/who", secret);
        (await known.Content.ReadAsStringAsync()).ShouldBe(record.Id + "/acme");
        using var revoked = await server.SendAsync(HttpMethod.Delete, "/v1/keys/" + record.Id, server.AdminKey);
        revoked.StatusCode.ShouldBe(HttpStatusCode.NoContent);

        (await server.Client.GetStringAsync("/who")).ShouldBe("loopback/local");
    }

    [Theory]
    [InlineData("worker", true)]
    [InlineData("admin", true)]
    [InlineData("node", false)]
    public async Task OtherKeys_CloseKeylessLoopback_WhenTheyIncludeApp(string role, bool closes)
    {
        await using var server = await RunningServer.StartAsync(WhoAmI);
        await server.AddKeyAsync(role);

        (await server.Client.GetAsync("/who")).StatusCode.ShouldBe(closes ? HttpStatusCode.Unauthorized : HttpStatusCode.OK);
    }

    [Fact]
    public async Task ExpiredKey_Is401_AndKeepsLoopbackClosed()
    {
        var time = new ManualTimeProvider();
        await using var server = await RunningServer.StartAsync(WhoAmI with { Time = time });
        var secret = await server.AddKeyAsync(new KeyRequest { Expires = time.GetUtcNow().AddHours(1) });
        using var before = await server.SendAsync(HttpMethod.Get, "/who", secret);
        before.StatusCode.ShouldBe(HttpStatusCode.OK);

        time.Advance(TimeSpan.FromHours(1));

        using var after = await server.SendAsync(HttpMethod.Get, "/who", secret);
        after.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await after.Content.ReadAsStringAsync()).ShouldContain("key_expired");
        (await server.Client.GetAsync("/who")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task ApiKeyHeader_IsTaken_AndAuthorizationGoesFirst()
    {
        await using var server = await RunningServer.StartAsync(WhoAmI);
        var secret = await server.AddKeyAsync("app");

        using var apiKey = await server.SendAsync(HttpMethod.Get, "/who", headers: ("x-api-key", secret));
        using var both = await server.SendAsync(HttpMethod.Get, "/who", "wrong", headers: ("x-api-key", secret));

        apiKey.StatusCode.ShouldBe(HttpStatusCode.OK);
        both.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("Basic weir_x")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("weir_x")]
    public async Task OtherAuthorization_IsNoKey(string value)
    {
        await using var server = await RunningServer.StartAsync(WhoAmI);
        await server.AddKeyAsync("app");

        using var answer = await server.SendAsync(HttpMethod.Get, "/who", headers: ("Authorization", value));

        answer.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task VeryLongBearer_Is401()
    {
        await using var server = await RunningServer.StartAsync(WhoAmI);
        await server.AddKeyAsync("app");

        using var answer = await server.SendAsync(HttpMethod.Get, "/who", new string('x', 8000));

        answer.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Undeclared_Endpoint_TakesAnAdmin()
    {
        await using var server = await RunningServer.StartAsync(new() { Map = app => app.MapGet("/forgotten", c => c.Response.WriteAsync("x")) });
        var worker = await server.AddKeyAsync("worker");

        using var byWorker = await server.SendAsync(HttpMethod.Get, "/forgotten", worker);
        using var byAdmin = await server.SendAsync(HttpMethod.Get, "/forgotten", server.AdminKey);

        byWorker.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        byAdmin.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task SecretsAndHashes_AreNowhereInWhatIsListed()
    {
        await using var server = await RunningServer.StartAsync();
        var secret = await server.AddKeyAsync("app");

        using var list = await server.SendAsync(HttpMethod.Get, "/v1/keys", server.AdminKey);
        var text = await list.Content.ReadAsStringAsync();

        text.ShouldContain(KeySecret.Shown(secret));
        text.ShouldNotContain(secret);
        text.ShouldNotContain(KeySecret.Hash(secret).ToString());
        text.ShouldNotContain("hash");
    }

    [Fact]
    public async Task Start_OpenToTheNetworkWithoutAKey_IsRefused()
    {
        var refused = await Should.ThrowAsync<StartupException>(() => RunningServer.StartAsync(Everywhere));

        refused.Message.ShouldContain("WEIR_ADMIN_KEY");
    }

    [Fact]
    public async Task Start_OpenToTheNetworkWithAdminKey_NeedsItEvenFromLoopback()
    {
        var key = new string('k', 40);
        await using var server = await RunningServer.StartAsync(Everywhere with { AdminKey = key, Map = WhoAmI.Map });

        (await server.Client.GetAsync("/who")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var admin = await server.SendAsync(HttpMethod.Get, "/who", key);
        (await admin.Content.ReadAsStringAsync()).ShouldBe("admin/admin");
    }

    [Fact]
    public async Task Start_OpenToTheNetworkWithAStoredKey_Serves()
    {
        await using var store = new MemoryStateStore(new StateOptions(), TimeProvider.System);
        await new KeyStore(store, TimeProvider.System).CreateAsync(new KeyRequest(), CancellationToken.None);

        await using var server = await RunningServer.StartAsync(Everywhere with { Store = store });

        (await server.Client.GetAsync("/health/ready")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Start_ShortAdminKey_IsRefused()
    {
        var refused = await Should.ThrowAsync<StartupException>(() => RunningServer.StartAsync(new() { AdminKey = "hunter2" }));

        refused.Message.ShouldContain("too short");
        refused.Message.ShouldNotContain("hunter2");
    }

    private static RunningServer.Options Everywhere => new()
    {
        Weir = new WeirOptions { Server = new ServerOptions { Url = "http://0.0.0.0:0" } },
    };
}
