using System.Net.Sockets;
using System.Text;
using Weir.Tests.Inference.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

/// <summary>What clients send to the gateway that they should not, over real sockets.</summary>
public sealed class BadInputTests : IAsyncLifetime
{
    private readonly ScriptedUpstream _upstream = new();
    private GatewayUnderAttack _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await GatewayUnderAttack.StartAsync(_upstream.BaseUrl);

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    public static TheoryData<string> Bodies { get; } = new(
        "", " ", "{", "[]", "null", "7", "\"model\"", "not json", """{"model":"fast" """, """{"model":"fast"} {}""", """{"model":"fast",}""",
        """{"messages":[]}""", """{"model":1}""", """{"model":null}""", """{"model":["fast"]}""", """{"model":""}""",
        """{"model":"fast","model":"good"}""", """{"model":"fast","stream":"yes"}""", """{"model":"fast","stream":1}""",
        """{"model":"\ud800"}""", """{"\ud800aaaa":1,"model":"fast"}""", """{"model":"a/b\nc"}""", """{"model":"a/b\u001b[31m"}""",
        """{"model":"a/b\u0085"}""", """{"model":"fast","x":}""", """{"model":"fast","x":01}""", "{\"model\":\"fast\",\"x\":\"\u0001\"}");

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task Chat_BadBody_Is400InTheShapeOfThePath(string body)
    {
        var answer = await RawClient.ChatAsync(_gateway.Address, body);

        answer.ShouldBeError(400).Code.ShouldBe("invalid_request");
        _upstream.Requests.ShouldBeEmpty();
        await _gateway.OthersAreServedAsync();
    }

    [Fact]
    public async Task Chat_NestedWithoutEnd_Is400()
    {
        var deep = $$"""{"model":"fast","x":{{new string('[', 100_000)}}""";

        (await RawClient.ChatAsync(_gateway.Address, deep)).ShouldBeError(400).Message.ShouldContain("nested");
    }

    [Fact]
    public async Task Chat_NotUtf8_Is400() =>
        (await RawClient.SendAsync(_gateway.Address, RawClient.Chat([.. "{\"model\":\"fast\",\"x\":\""u8, 0xff, 0xfe, .. "\"}"u8])))
            .ShouldBeError(400).Message.ShouldContain("UTF-8");

    [Fact]
    public async Task Chat_BodyTooLarge_Is413AnnouncedOrNot()
    {
        var announced = $"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {GatewayUnderAttack.MaxBody + 1}\r\n\r\n";
        (await RawClient.SendAsync(_gateway.Address, Encoding.ASCII.GetBytes(announced))).ShouldBeError(413).Code.ShouldBe("body_too_large");

        var chunk = new string('x', 64 * 1024);
        var chunked = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
            + string.Concat(Enumerable.Repeat($"{chunk.Length:x}\r\n{chunk}\r\n", 5));
        (await RawClient.SendAsync(_gateway.Address, Encoding.ASCII.GetBytes(chunked))).ShouldBeError(413).Code.ShouldBe("body_too_large");
        await _gateway.OthersAreServedAsync();
    }

    [Fact]
    public async Task Chat_UnknownModel_Is404WithNearNames()
    {
        (await _gateway.ChatAsync(model: "fsat")).ShouldBeError(404).Message.ShouldContain("fast");
        (await _gateway.ChatAsync(model: new string('x', 500))).ShouldBeError(404).Code.ShouldBe("model_not_found");
        (await _gateway.ChatAsync(model: "日本語")).ShouldBeError(404);
    }

    [Theory]
    [InlineData("x-weir-priority: 10")]
    [InlineData("x-weir-priority: -1")]
    [InlineData("x-weir-priority: high")]
    [InlineData("x-weir-priority:")]
    [InlineData("x-weir-priority: 5\r\nx-weir-priority: 6")]
    [InlineData("x-weir-priority: 99999999999999999999")]
    [InlineData("x-weir-timeout: 0s")]
    [InlineData("x-weir-timeout: -1s")]
    [InlineData("x-weir-timeout: 20")]
    [InlineData("x-weir-timeout: 25h")]
    [InlineData("x-weir-timeout: 99999999999999999999999999d")]
    [InlineData("x-weir-timeout: für immer")]
    [InlineData("openai-beta: ünsinn")]
    [InlineData("openai-beta: a\tb")]
    public async Task Chat_BadHeader_Is400AndNotSent(string header)
    {
        (await _gateway.ChatAsync(headers: header + "\r\n")).ShouldBeError(400).Code.ShouldBe("malformed");
        _upstream.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Chat_HeaderOfEightKilobytes_IsReadOnceAndRefused() =>
        (await _gateway.ChatAsync(headers: $"x-weir-timeout: {new string('1', 8000)}s\r\n")).ShouldBeError(400);

    [Theory]
    [InlineData("\u00fcnsinn")]
    [InlineData("00-x")]
    public async Task Chat_TraceParentThatIsNone_DoesNoHarm(string value)
    {
        (await _gateway.ChatAsync(headers: $"traceparent: {value}\r\n")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Chat_StrangeIdempotencyKey_GoesOnAsADigest()
    {
        (await _gateway.ChatAsync(headers: $"idempotency-key: {new string('k', 8000)}\r\n")).Status.ShouldBe(200);
        (await _gateway.ChatAsync(headers: "idempotency-key: schlüssel\tund mehr\r\n")).Status.ShouldBe(200);

        _upstream.Requests.ShouldAllBe(request => request.Headers["idempotency-key"].Length == 32);
    }

    [Fact]
    public async Task Chat_ControlCharacterInAHeader_IsNoHttp() =>
        (await _gateway.ChatAsync(headers: "idempotency-key: a\0b\r\n")).Status.ShouldBe(400);

    // A request that cannot be sent must not count against the provider: twenty of them would have opened its breaker for everybody.
    [Fact]
    public async Task Chat_HeadersThatCannotBeSent_DoNotOpenTheBreaker()
    {
        for (var i = 0; i < 20; i++)
        {
            await _gateway.ChatAsync(headers: i % 2 == 0 ? "openai-beta: ü\r\n" : "traceparent: ü\r\n");
        }

        (await _gateway.ChatAsync()).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Chat_ClientsThatVanishAtAThousandMoments_LeaveNothingBehind()
    {
        var underWay = 0;
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            Interlocked.Increment(ref underWay);
            try
            {
                if (!exchange.Request.Body.Contains("\"stream\"", StringComparison.Ordinal))
                {
                    await Task.Delay(3);
                    await exchange.RespondAsync(200, ScriptedUpstream.Answer);
                    return;
                }

                await exchange.BeginStreamAsync();
                for (var i = 0; i < 5; i++)
                {
                    await exchange.EventAsync("""{"choices":[]}""");
                    await Task.Delay(2);
                }

                await exchange.EventAsync("[DONE]");
                await exchange.EndAsync();
            }
            finally
            {
                Interlocked.Decrement(ref underWay);
            }
        });
        await using var gateway = await GatewayUnderAttack.StartAsync(upstream.BaseUrl, new());
        var seed = Random.Shared.Next();
        TestContext.Current.SendDiagnosticMessage("seed {0}", seed);
        var seeds = new Random(seed);
        var clients = Enumerable.Range(0, 16).Select(_ => VanishAsync(gateway.Address, new Random(seeds.Next()), 1000 / 16 + 1)).ToList();
        var beside = Task.Run(async () =>
        {
            while (!clients.TrueForAll(client => client.IsCompleted))
            {
                await gateway.OthersAreServedAsync();
            }
        });

        await Task.WhenAll(clients);
        await beside;

        await Eventually.TrueAsync(() => Volatile.Read(ref underWay) == 0);
        await gateway.NothingIsInFlightAsync();
        (await gateway.ChatAsync()).Status.ShouldBe(200, $"seed {seed}");
    }

    [Fact]
    public async Task Chat_ClientThatDoesNotRead_HoldsTheProviderBackAndNobodyElse()
    {
        var sent = 0L;
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = new ScriptedUpstream(async exchange =>
        {
            try
            {
                await exchange.BeginStreamAsync();
                var line = new string('x', 8000);
                while (true)
                {
                    await exchange.EventAsync(line);
                    Interlocked.Add(ref sent, line.Length);
                }
            }
            finally
            {
                gone.SetResult();
            }
        });
        await using var gateway = await GatewayUnderAttack.StartAsync(upstream.BaseUrl);
        using (var socket = await RawClient.ConnectAsync(gateway.Address))
        {
            await socket.SendAsync(RawClient.Chat("""{"model":"fast","stream":true}"""u8.ToArray()));

            // What fits into the buffers of four sockets has gone out; then nothing moves.
            long before;
            do
            {
                before = Interlocked.Read(ref sent);
                await Task.Delay(300);
            }
            while (before == 0 || Interlocked.Read(ref sent) != before);

            before.ShouldBeLessThan(64 * 1024 * 1024);
            await gateway.OthersAreServedAsync();
        }

        await gone.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await gateway.NothingIsInFlightAsync();
    }

    private static async Task VanishAsync(Uri server, Random random, int times)
    {
        for (var i = 0; i < times; i++)
        {
            using var socket = await RawClient.ConnectAsync(server);
            var request = RawClient.Chat(Encoding.UTF8.GetBytes(
                $$"""{"model":"fast"{{(random.Next(2) == 0 ? ",\"stream\":true" : "")}},"x":"{{new string('x', random.Next(3000))}}"}"""));
            await socket.SendAsync(request.AsMemory(0, random.Next(4) == 0 ? random.Next(request.Length) : request.Length));
            switch (random.Next(3))
            {
                case 0:
                    await Task.Delay(random.Next(15));
                    break;
                case 1:
                    using (var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(20)))
                    {
                        try
                        {
                            await socket.ReceiveAsync(new byte[random.Next(1, 600)], limit.Token);
                        }
                        catch (OperationCanceledException)
                        {
                            // It did not get as far as an answer.
                        }
                    }

                    break;
            }

            if (random.Next(2) == 0)
            {
                socket.LingerState = new LingerOption(true, 0);
            }
        }
    }
}
