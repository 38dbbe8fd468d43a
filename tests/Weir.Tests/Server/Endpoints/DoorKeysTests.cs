using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Weir.Leases.Kinds;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Doors to remote endpoints, of leases that were made with keys which do not last.</summary>
public sealed class DoorKeysTests : IAsyncLifetime
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    // The key is refused at once; within about a second its leases have ended too.
    private static readonly (int, string)[] Gone = [(403, "key_revoked"), (410, "lease_ended")];

    private readonly MemoryStateStore _store = new(new StateOptions(), TimeProvider.System);
    private readonly TaskCompletionSource _on = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler { UseProxy = false });
    private DoorServer _server = null!;
    private Upstream _upstream = null!;
    private int _reached;

    public async ValueTask InitializeAsync()
    {
        _server = await DoorServer.StartAsync(_store);
        _upstream = await Upstream.StartAsync(ServeAsync);
        await _server.Fleet.DefineAsync("remote:box", new KindOptions { Endpoints = [new RemoteEndpointOptions { Id = "a", BaseUrl = _upstream.Address, Slots = 2 }] });
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _upstream.DisposeAsync();
        await _server.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Key_ThatIsRevoked_CutsWhatIsOpenOfItsLeasesAndNothingOfOthers()
    {
        var (revoked, other) = (await LeaseAsync(0, new KeyRequest { Roles = ["worker"] }), await LeaseAsync(1, new KeyRequest { Roles = ["worker"] }));
        var (lostEvents, keptEvents) = (await OpenEventsAsync(revoked), await OpenEventsAsync(other));
        using var lost = await ConnectAsync(revoked);
        using var kept = await ConnectAsync(other);
        (await EchoAsync(lost), await EchoAsync(kept)).ShouldBe(("x", "x"));
        using var silent = Request(revoked, "/silent");
        var waiting = _client.SendAsync(silent, CancellationToken.None);

        using (var answer = await _server.Running.SendAsync(HttpMethod.Delete, $"/v1/keys/{revoked.Key}", _server.Running.AdminKey))
            answer.StatusCode.ShouldBe(HttpStatusCode.NoContent);

        await Should.ThrowAsync<IOException>(() => lostEvents.ReadToEndAsync().WaitAsync(Long));
        await Should.ThrowAsync<WebSocketException>(() => EchoAsync(lost));
        using (var answer = await waiting.WaitAsync(Long))
            Gone.ShouldContain(await CodeAsync(answer), "its answer had not begun");
        (await EchoAsync(kept)).ShouldBe("x");
        using (var go = Request(other, "/go"))
            await _client.SendAsync(go, CancellationToken.None);
        (await keptEvents.ReadLineAsync().WaitAsync(Long)).ShouldBe("data: on");
    }

    [Fact]
    public async Task Key_ThatIsRevoked_OpensNoRemoteDoorAnyMore()
    {
        var lease = await LeaseAsync(0, new KeyRequest { Roles = ["worker"] });
        (await UseAsync(lease)).Status.ShouldBe(200);
        await _server.Running.Service<KeyStore>().RevokeAsync(lease.Key, CancellationToken.None);
        (await _server.Running.Service<KeyRing>().WhenAsync(table => !table.Contains(lease.Key), Long, TimeProvider.System, CancellationToken.None)).ShouldBeTrue();

        var reached = Volatile.Read(ref _reached);
        Gone.ShouldContain(await UseAsync(lease));
        (await Should.ThrowAsync<WebSocketException>(() => ConnectAsync(lease))).Message.ShouldMatch("403|410");
        Volatile.Read(ref _reached).ShouldBe(reached, "nothing of it came so far as the endpoint");
    }

    [Fact]
    public async Task Key_ThatHasExpired_OpensNoRemoteDoorAnyMore()
    {
        var lease = await LeaseAsync(0, new KeyRequest { Roles = ["worker"], Expires = DateTimeOffset.UtcNow - TimeSpan.FromSeconds(1) });

        new[] { (403, "key_expired"), (410, "lease_ended") }.ShouldContain(await UseAsync(lease));
        Volatile.Read(ref _reached).ShouldBe(0);
    }

    [Fact]
    public async Task Loopback_ThatTheFirstKeyCloses_IsCutToo()
    {
        var fence = await _server.Fleet.GrantAsync("remote:box.a.0", "l0");
        using var events = await OpenEventsAsync(new Leased("remote:box.a.0", "l0", fence, "loopback"));

        await _server.Running.AddKeyAsync("app");

        await Should.ThrowAsync<IOException>(() => events.ReadToEndAsync().WaitAsync(Long));
    }

    private async Task ServeAsync(HttpContext context)
    {
        Interlocked.Increment(ref _reached);
        switch (context.Request.Path.Value)
        {
            case "/ws":
                using (var socket = await context.WebSockets.AcceptWebSocketAsync())
                {
                    var buffer = new byte[256];
                    while (await socket.ReceiveAsync(buffer, context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } got)
                        await socket.SendAsync(buffer.AsMemory(0, got.Count), got.MessageType, got.EndOfMessage, context.RequestAborted);
                }

                break;
            case "/events":
                await context.Response.WriteAsync("data: first\n");
                await context.Response.Body.FlushAsync();
                await _on.Task.WaitAsync(context.RequestAborted);
                await context.Response.WriteAsync("data: on\n");
                break;
            case "/silent":
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
                break;
            case "/go":
                _on.TrySetResult();
                break;
        }
    }

    private async Task<Leased> LeaseAsync(int slot, KeyRequest request)
    {
        var (record, _) = await _server.Running.AddKeyRecordAsync(request);
        var (resource, lease) = ($"remote:box.a.{slot}", $"l{slot}");
        return new Leased(resource, lease, await _server.Fleet.GrantAsync(resource, lease, key: record.Id), record.Id);
    }

    private HttpRequestMessage Request(Leased lease, string path) => _server.Request(HttpMethod.Get, lease.Resource, lease.Lease, lease.Fence, path);

    private async Task<StreamReader> OpenEventsAsync(Leased lease)
    {
        using var request = Request(lease, "/events");
        var answer = await _client.SendAsync(request, CancellationToken.None);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        (await lines.ReadLineAsync()).ShouldBe("data: first");
        return lines;
    }

    private async Task<ClientWebSocket> ConnectAsync(Leased lease)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("x-weir-token", _server.Doors.TokenOf(lease.Resource, lease.Lease, lease.Fence));
        await socket.ConnectAsync(new UriBuilder(_server.Address) { Scheme = "ws", Path = $"/doors/{lease.Resource}/ws" }.Uri, CancellationToken.None);
        return socket;
    }

    private static async Task<string> EchoAsync(WebSocket socket)
    {
        await socket.SendAsync("x"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
        var buffer = new byte[256];
        var got = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None).AsTask().WaitAsync(Long);
        return System.Text.Encoding.UTF8.GetString(buffer, 0, got.Count);
    }

    private async Task<(int Status, string Code)> UseAsync(Leased lease)
    {
        using var request = Request(lease, "/x");
        // On a connection of its own: one that is just being left by a request is cut with it when the key goes.
        request.Headers.ConnectionClose = true;
        using var answer = await _client.SendAsync(request, CancellationToken.None);
        return await CodeAsync(answer);
    }

    private static async Task<(int Status, string Code)> CodeAsync(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        return ((int)answer.StatusCode, text.Length == 0 ? "" : JsonDocument.Parse(text).RootElement.GetProperty("code").GetString()!);
    }

    private sealed record Leased(string Resource, string Lease, long Fence, string Key);
}
