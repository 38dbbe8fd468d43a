using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.State;
using Weir.Tests.State.Redis;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Two whole servers that know of each other only through a real Redis, each with resources that live on it alone.</summary>
public sealed class HomeReplicasTests(RedisFixture redis) : IClassFixture<RedisFixture>, IAsyncLifetime
{
    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler { UseProxy = false });
    private readonly Replica _a = new();
    private readonly Replica _b = new();

    public async ValueTask InitializeAsync()
    {
        await redis.Server.SayAsync("FLUSHALL");
        await _a.StartAsync(redis.Server.Url);
        await _b.StartAsync(redis.Server.Url);
        await BothAreThereAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [Fact]
    public async Task Lease_OverBothHomes_IsMadeInitialisedUsedAndGivenBackWhereItLives()
    {
        var lease = await LeaseAsync(_a, """{"worker_id":"w","ttl":"10m","resources":[{"kind":"box","count":3,"config":{"n":7}}]}""");
        var (here, there) = (OfHome(lease, _a), OfHome(lease, _b));
        there.GetProperty("details").GetProperty("at").GetString().ShouldBe(_b.Home);
        there.GetProperty("details").GetProperty("config").GetString().ShouldBe("""{"n":7}""");
        (_a.Machine.Standing.Count, _b.Machine.Standing.Values.ShouldHaveSingleItem()).ShouldBe((2, IdOf(there)));

        // Through either replica's door, with one token.
        (await UseAsync(_a, there, "/hello")).ShouldBe((200, $"{_b.Home} GET /hello"));
        (await UseAsync(_b, there, "/hello")).ShouldBe((200, $"{_b.Home} GET /hello"));
        (await UseAsync(_b, here, "/hello")).ShouldBe((200, $"{_a.Home} GET /hello"));
        using (var seen = await _b.Server.SendAsync(HttpMethod.Get, $"/v1/leases/{lease.GetProperty("id").GetString()}/observations"))
        {
            var said = await seen.Content.ReadAsStringAsync();
            said.ShouldContain($"at {_a.Home}");
            said.ShouldContain($"at {_b.Home}");
        }

        using var events = await OpenEventsAsync(_a, there);
        (await events.ReadLineAsync()).ShouldBe($"data: {_b.Home}");
        using var socket = await ConnectAsync(_a, there);
        (await EchoAsync(socket, "over two")).ShouldBe("over two");

        using (var released = await _a.Server.SendAsync(HttpMethod.Delete, $"/v1/leases/{lease.GetProperty("id").GetString()}?fence={lease.GetProperty("fence").GetInt64()}"))
            released.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        await Should.ThrowAsync<Exception>(() => events.ReadToEndAsync());
        await Should.ThrowAsync<WebSocketException>(() => EchoAsync(socket, "too late"));
        (await UseAsync(_a, there, "/hello")).Status.ShouldBe(410);
        await Eventually.TrueAsync(() => _a.Free == 2 && _b.Free == 2);
        (_a.Machine.Standing.Count, _b.Machine.Standing.Count, _a.Machine.Ended.Count, _b.Machine.Ended.Count).ShouldBe((0, 0, 2, 1));
        await Eventually.TrueAsync(() => _b.InFlight == 0);
    }

    [Fact]
    public async Task Lease_WhoseTimeIsUp_IsCutAtBothReplicas()
    {
        var lease = await LeaseAsync(_a, """{"worker_id":"w","ttl":"10m","resources":[{"kind":"box","count":3}]}""");
        var there = OfHome(lease, _b);
        using var far = await OpenEventsAsync(_a, there);
        using var near = await OpenEventsAsync(_b, there);
        using var socket = await ConnectAsync(_a, there);
        (await EchoAsync(socket, "x")).ShouldBe("x");
        // Its time is short only once all is open, however long that has taken.
        var end = await RenewAsync(_a, lease, "1s");

        async Task<double> LateAsync(Func<Task> reading)
        {
            await Should.ThrowAsync<Exception>(reading);
            return (_a.Store.Clock.Now - end).TotalMilliseconds;
        }

        var late = await Task.WhenAll(LateAsync(() => far.ReadToEndAsync()), LateAsync(() => near.ReadToEndAsync()), LateAsync(() => socket.ReceiveAsync(new byte[1], CancellationToken.None)));
        TestContext.Current.TestOutputHelper?.WriteLine($"cut after the end, in ms: two hops {late[0]:0}, one {late[1]:0}, WebSocket over two {late[2]:0}");
        late.ShouldAllBe(ms => ms > -50);
        (await UseAsync(_b, there, "/x")).Status.ShouldBe(410);
        await Eventually.TrueAsync(() => _a.Free == 2 && _b.Free == 2);
    }

    [Fact]
    public async Task Lease_WhoseKeyIsRevoked_IsCutAtBothReplicasAndAnothersGoesOn()
    {
        var (revoked, secret) = await AddKeyAsync();
        var (_, other) = await AddKeyAsync();
        // Three of four are of both homes, and the last is used from the one that it is not of.
        var lost = await LeaseAsync(_a, """{"worker_id":"w","ttl":"10m","resources":[{"kind":"box","count":3}]}""", secret);
        var kept = (await LeaseAsync(_a, """{"worker_id":"w","ttl":"10m","resources":[{"kind":"box"}]}""", other)).GetProperty("resources")[0];
        var (lostThere, lostHere) = (OfHome(lost, _b), OfHome(lost, _a));
        using var far = await OpenEventsAsync(_a, lostThere);
        using var near = await OpenEventsAsync(_b, lostThere);
        using var back = await OpenEventsAsync(_b, lostHere);
        using var socket = await ConnectAsync(_a, lostThere);
        using var stays = await ConnectAsync(IdOf(kept).StartsWith($"box.{_a.Home}.", StringComparison.Ordinal) ? _b : _a, kept);
        (await EchoAsync(socket, "x"), await EchoAsync(stays, "x")).ShouldBe(("x", "x"));

        var asked = _a.Store.Clock.Now;
        using (var answer = await _a.Server.SendAsync(HttpMethod.Delete, "/v1/keys/" + revoked, _a.Server.AdminKey))
            answer.StatusCode.ShouldBe(HttpStatusCode.NoContent);

        async Task<double> CutAsync(Func<Task> reading)
        {
            (await Should.ThrowAsync<Exception>(() => reading().WaitAsync(TimeSpan.FromSeconds(30)))).ShouldNotBeOfType<TimeoutException>();
            return (_a.Store.Clock.Now - asked).TotalMilliseconds;
        }

        var late = await Task.WhenAll(
            CutAsync(() => far.ReadToEndAsync()), CutAsync(() => near.ReadToEndAsync()), CutAsync(() => back.ReadToEndAsync()),
            CutAsync(() => socket.ReceiveAsync(new byte[1], CancellationToken.None)));
        TestContext.Current.TestOutputHelper?.WriteLine($"cut after the key was to be revoked, in ms: two hops {late[0]:0}, one {late[1]:0}, two back {late[2]:0}, WebSocket over two {late[3]:0}");
        await Eventually.TrueAsync(() => _a.InFlight == 1 && _b.InFlight == 1);
        (await EchoAsync(stays, "still")).ShouldBe("still");
        foreach (var at in new[] { _a, _b })
        {
            var (status, body) = await UseAsync(at, lostThere, "/x");
            // By now it may have been taken back as well.
            new[] { (403, "key_revoked"), (410, "lease_ended") }.ShouldContain((status, JsonDocument.Parse(body).RootElement.GetProperty("code").GetString()!));
            (await UseAsync(at, kept, "/x")).Status.ShouldBe(200);
        }
    }

    [Fact]
    public async Task Home_ThatLeavesAndComesBack_IsNotOfferedMeanwhileAndFindsItsOwnAgain()
    {
        var lease = await LeaseAsync(_a, """{"worker_id":"w","ttl":"10m","resources":[{"kind":"box","count":3}]}""");
        var there = OfHome(lease, _b);
        await _b.StopAsync();
        await Eventually.TrueAsync(() => !_a.Homes.IsThere(_b.Home));

        (await UseAsync(_a, there, "/x")).Status.ShouldBe(503);
        (await RefusedAsync(_a, """{"worker_id":"v","wait":"1s","resources":[{"kind":"box","count":3}]}""")).ShouldBe((422, "impossible"));
        (await RefusedAsync(_a, """{"worker_id":"v","wait":"1s","resources":[{"kind":"box","count":2}]}""")).ShouldBe((504, "wait_expired"));

        // Another run over the same folder, on the same machine: what stands is the lease's as before.
        await _b.StartAsync(redis.Server.Url);
        await BothAreThereAsync();
        (await UseAsync(_a, there, "/x")).ShouldBe((200, $"{_b.Home} GET /x"));

        // And on one that was switched off: what stood behind it is gone, and the lease goes on without it.
        await _b.StopAsync();
        _b.Machine.Standing.Clear();
        await _b.StartAsync(redis.Server.Url);
        await BothAreThereAsync();
        await Eventually.TrueAsync(() => _a.View.Resource(IdOf(there))?.Value.State == ResourceState.Free);
        (await UseAsync(_a, there, "/x")).Status.ShouldBe(410);
        (await UseAsync(_a, OfHome(lease, _a), "/x")).Status.ShouldBe(200);
        var next = await LeaseAsync(_a, """{"worker_id":"v","resources":[{"kind":"box"}]}""");
        (await UseAsync(_a, OfHome(next, _b), "/x")).ShouldBe((200, $"{_b.Home} GET /x"));
    }

    [Fact]
    public async Task Home_ThatCannotBeReachedThoughAnnounced_IsTriedOnceAndThenLeftAlone()
    {
        // What a process that was killed leaves behind: its announcement.
        await _b.Store.CommitAsync(new Commit("replicas")
        {
            Writes = [new Write("replica/ghost", 0, Encoding.UTF8.GetBytes($$"""{"id":"ghost","home":"ghosthom","url":"http://127.0.0.1:{{FreePort.Next()}}/"}"""), _b.Store.Clock.Now + TimeSpan.FromMinutes(1))],
        });
        await _b.Store.CommitAsync(new Commit("leases:default")
        {
            Writes = [.. Enumerable.Range(0, 2).Select(slot => new Write($"resource/box.ghosthom.{slot}", 0, LeaseDocuments.Write(new ResourceRecord
            {
                Id = $"box.ghosthom.{slot}", Kind = "box", Slot = $"{slot}", Home = "ghosthom", State = ResourceState.Free,
            })))],
        });
        await Eventually.TrueAsync(() => _a.Homes.IsThere("ghosthom") && _a.View.Resource("box.ghosthom.1") is not null);

        (await RefusedAsync(_a, """{"worker_id":"v","wait":"1s","resources":[{"kind":"box","count":5}]}""")).ShouldBe((503, "unavailable"));
        _a.Homes.Answers("ghosthom").ShouldBeFalse();
        await Eventually.TrueAsync(() => _a.Free == 2 && _b.Free == 2);
        var lease = await LeaseAsync(_a, """{"worker_id":"v","resources":[{"kind":"box","count":4}]}""");
        lease.GetProperty("resources").EnumerateArray().Count(one => IdOf(one).Contains("ghosthom", StringComparison.Ordinal)).ShouldBe(0);
    }

    private async Task BothAreThereAsync() =>
        await Eventually.TrueAsync(() => _a.Homes.IsThere(_b.Home) && _b.Homes.IsThere(_a.Home) && _a.View.Resources("box").Count(box => box.Value.Home == _a.Home || box.Value.Home == _b.Home) == 4);

    private static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;

    private static JsonElement OfHome(JsonElement lease, Replica replica) =>
        lease.GetProperty("resources").EnumerateArray().First(one => IdOf(one).StartsWith($"box.{replica.Home}.", StringComparison.Ordinal));

    private async Task<(string Id, string Secret)> AddKeyAsync()
    {
        var (record, secret) = await _a.Server.AddKeyRecordAsync(new KeyRequest { Roles = ["worker"] });
        (await _b.Server.Service<KeyRing>().WhenAsync(table => table.Contains(record.Id), TimeSpan.FromSeconds(30), TimeProvider.System, CancellationToken.None)).ShouldBeTrue();
        return (record.Id, secret);
    }

    private static async Task<JsonElement> LeaseAsync(Replica at, string body, string? key = null)
    {
        using var answer = await at.Server.SendAsync(HttpMethod.Post, "/v1/leases", key, body: new StringContent(body, Encoding.UTF8, "application/json"));
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.Created, text);
        return JsonDocument.Parse(text).RootElement;
    }

    /// <returns>The end that it has now.</returns>
    private static async Task<DateTimeOffset> RenewAsync(Replica at, JsonElement lease, string ttl)
    {
        using var answer = await at.Server.SendAsync(
            HttpMethod.Post, $"/v1/leases/{lease.GetProperty("id").GetString()}/renew", body: new StringContent($$"""{"fence":{{lease.GetProperty("fence").GetInt64()}},"ttl":"{{ttl}}"}""", Encoding.UTF8, "application/json"));
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, text);
        return JsonDocument.Parse(text).RootElement.GetProperty("expires_at").GetDateTimeOffset();
    }

    private static async Task<(int Status, string Code)> RefusedAsync(Replica at, string body)
    {
        using var answer = await at.Server.SendAsync(HttpMethod.Post, "/v1/leases", body: new StringContent(body, Encoding.UTF8, "application/json"));
        var text = await answer.Content.ReadAsStringAsync();
        return ((int)answer.StatusCode, JsonDocument.Parse(text).RootElement.TryGetProperty("code", out var code) ? code.GetString()! : text);
    }

    private async Task<(int Status, string Body)> UseAsync(Replica at, JsonElement resource, string path)
    {
        using var request = Request(at, resource, path);
        using var answer = await _client.SendAsync(request, CancellationToken.None);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    private async Task<StreamReader> OpenEventsAsync(Replica at, JsonElement resource)
    {
        using var request = Request(at, resource, "/events");
        var answer = await _client.SendAsync(request, CancellationToken.None);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return new StreamReader(await answer.Content.ReadAsStreamAsync());
    }

    private static async Task<ClientWebSocket> ConnectAsync(Replica at, JsonElement resource)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("x-weir-token", resource.GetProperty("token").GetString());
        await socket.ConnectAsync(new UriBuilder(at.Server.Address) { Scheme = "ws", Path = $"/doors/{IdOf(resource)}/ws" }.Uri, CancellationToken.None);
        return socket;
    }

    private static async Task<string> EchoAsync(WebSocket socket, string text)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None);
        var buffer = new byte[4096];
        var got = await socket.ReceiveAsync(buffer, CancellationToken.None);
        return Encoding.UTF8.GetString(buffer, 0, got.Count);
    }

    private static HttpRequestMessage Request(Replica at, JsonElement resource, string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(at.Server.Address, $"/doors/{IdOf(resource)}{path}"));
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + resource.GetProperty("token").GetString());
        return request;
    }

    private sealed class Replica : IAsyncDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("weir-home-").FullName;
        private readonly string _url = $"http://127.0.0.1:{FreePort.Next()}";
        private bool _runs;

        public Machine Machine { get; } = new();

        public RunningServer Server { get; private set; } = null!;

        public IStateStore Store { get; private set; } = null!;

        public Homes Homes => (Homes)Server.Service<IHomes>();

        public IFleetView View => Server.Service<IFleetView>();

        public int InFlight => Server.Service<DoorTraffic>().Count;

        public string Home { get; private set; } = "";

        /// <summary>What is free of its own.</summary>
        public int Free => View.Resources("box").Count(box => box.Value.Home == Home && box.Value.State == ResourceState.Free);

        public async Task StartAsync(string redis)
        {
            Store = await StateStores.OpenAsync(new StateOptions { Store = redis });
            Server = await RunningServer.StartAsync(new()
            {
                Sockets = true, Store = Store, Folder = _folder,
                Weir = new WeirOptions { Server = new ServerOptions { Url = _url }, Kinds = new Dictionary<string, KindOptions> { ["box"] = new() { Capacity = 2 } } },
                Customize = builder =>
                {
                    builder.Services.AddResourceKind(HomedBoxes.Sort, services => new HomedBoxes(Machine, new Lazy<IHomes>(services.GetRequiredService<IHomes>)));
                    builder.Services.AddSingleton<IStartupFilter, WebSockets>();
                },
            });
            _runs = true;
            var home = Server.Service<IHomes>().Own;
            (Home.Length == 0 || Home == home).ShouldBeTrue("its name lasts");
            Home = home;
        }

        public async Task StopAsync()
        {
            _runs = false;
            await Server.DisposeAsync();
            await Store.DisposeAsync();
        }

        public async ValueTask DisposeAsync()
        {
            if (_runs)
                await StopAsync();
            Directory.Delete(_folder, recursive: true);
        }
    }

    private sealed class WebSockets : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.UseWebSockets();
            next(app);
        };
    }
}
