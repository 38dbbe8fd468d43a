using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference.Requests;
using Weir.Server.Configuration;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>Bodies that stop coming and bodies that are too many, over real sockets.</summary>
public sealed class RequestBodyTests : IAsyncLifetime
{
    private const int MaxBody = 4 << 20;

    private readonly ManualTimeProvider _time = new();
    private readonly BodyBudget _budget = new(3 << 20);
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(new()
    {
        Sockets = true,
        Weir = new WeirOptions { Server = new ServerOptions { MaxBody = new ByteSize(MaxBody), Drain = TimeSpan.Zero } },
        Customize = b => b.Services.AddSingleton(new BodyLimits(MaxBody, _budget, _time)),
    });

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Chat_FastBeginningThenSilence_Is408AndClosed(bool chunked)
    {
        using var socket = await BeginAsync(chunked, announced: 2_000_000, sent: 1_000_000);
        await _time.WhenArmedAsync();

        for (var windows = 0; windows < 2; windows++)
        {
            _time.Advance(BodyPace.Window);
        }

        var answer = await RawClient.ReadAsync(socket);
        answer.ShouldBeError(408).Code.ShouldBe("body_too_slow");
        answer.Head.ShouldContain("Connection: close");
        _budget.Held.ShouldBe(0);
        await OthersAreServedAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Chat_BodiesOfOthersHoldTheMemory_Is503UntilTheyAreGone(bool chunked)
    {
        using var first = await BeginAsync(chunked, announced: 1_500_000, sent: 1_000_000);
        await Eventually.TrueAsync(() => _budget.Held >= 1_000_000);
        using var second = await BeginAsync(chunked, announced: 3_000_000, sent: 2_500_000);

        var answer = await RawClient.ReadAsync(second);

        answer.ShouldBeError(503).Code.ShouldBe("overloaded");
        answer.Head.ShouldContain("Retry-After: 1\r\n");
        first.Close();
        await Eventually.TrueAsync(() => _budget.Held == 0);
        await OthersAreServedAsync();
    }

    // Read to its end and answered: there is no such model here.
    private async Task OthersAreServedAsync() =>
        (await RawClient.ChatAsync(_server.Address, """{"model":"absent","messages":[]}""")).ShouldBeError(404);

    private async Task<Socket> BeginAsync(bool chunked, int announced, int sent)
    {
        var socket = await RawClient.ConnectAsync(_server.Address);
        var length = chunked ? $"transfer-encoding: chunked\r\n\r\n{announced:x}" : $"content-length: {announced}\r\n";
        await socket.SendAsync(Encoding.ASCII.GetBytes($"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{length}\r\n"));
        // Its own task: whoever refuses a body need not read it.
        _ = SendAsync(socket, sent);
        return socket;
    }

    private static async Task SendAsync(Socket socket, int bytes)
    {
        try
        {
            await socket.SendAsync(new byte[bytes]);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed meanwhile.
        }
    }
}
