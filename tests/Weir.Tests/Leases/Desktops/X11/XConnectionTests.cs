using System.Net.Sockets;
using Weir.Leases.Desktops.X11;
using Weir.Tests.Flow;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Desktops.X11;

public sealed class XConnectionTests
{
    private static readonly byte[] Cookie = new byte[16];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static Task<XConnection> OpenAsync(FakeXServer server, TimeProvider? time = null) => XConnection.OpenAsync(server.SocketPath, Cookie, time ?? TimeProvider.System, Token);

    /// <summary>A server that greets, waits for one request, and then says what it likes.</summary>
    private static FakeXServer Saying(params byte[][] messages) => new(async (stream, cancellationToken) =>
    {
        await FakeXServer.GreetAsync(stream, cancellationToken);
        await FakeXServer.RequestAsync(stream, cancellationToken);
        foreach (var message in messages)
            await stream.WriteAsync(message, cancellationToken);
        await Task.Delay(Timeout.Infinite, cancellationToken);
    });

    [Fact]
    public async Task Open_AProperServer_ReadsItsSetup()
    {
        await using var server = Saying();
        await using var connection = await OpenAsync(server);
        connection.Setup.ShouldBe(new XSetup(77, 8, 255, 32, true));
    }

    [Fact]
    public void Read_ASetupCutAnywhere_IsRefusedAndNothingElse()
    {
        for (var length = 0; length < FakeXServer.Setup.Length - 8; length++)
        {
            var cut = length;
            Should.Throw<XBrokenException>(() => XSetup.Read(FakeXServer.Setup.AsSpan(0, 8), FakeXServer.Setup.AsSpan(8, cut)));
        }
    }

    [Fact]
    public void Read_ASetupOfRandomBytes_IsAValueOrRefused() => RandomSchedule.Run(5_000, random =>
    {
        var setup = FakeXServer.Setup.ToArray();
        for (var change = random.Next(1, 20); change > 0; change--)
            setup[random.Next(setup.Length)] = (byte)random.Next(256);
        try
        {
            XSetup.Read(setup.AsSpan(0, 8), setup.AsSpan(8));
        }
        catch (XBrokenException)
        {
        }
    });

    [Fact]
    public async Task Open_AServerThatSaysNothing_IsGivenUpInTime()
    {
        var time = new ManualTimeProvider();
        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new FakeXServer(async (stream, cancellationToken) =>
        {
            await stream.ReadExactlyAsync(new byte[1], cancellationToken);
            heard.SetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
        });
        var opening = OpenAsync(server, time);
        await heard.Task;
        await time.WhenArmedAsync();
        time.Advance(XConnection.Patience);
        (await Should.ThrowAsync<XBrokenException>(opening)).Message.ShouldContain("10 s");
    }

    [Fact]
    public async Task Open_WhereNothingIs_IsBroken()
    {
        var nowhere = Path.Combine(Path.GetTempPath(), "weir-no-such-socket");
        await Should.ThrowAsync<XBrokenException>(XConnection.OpenAsync(nowhere, Cookie, TimeProvider.System, Token));
        await Should.ThrowAsync<XBrokenException>(XConnection.OpenAsync(nowhere + new string('x', 200), Cookie, TimeProvider.System, Token));
    }

    [Fact]
    public async Task Run_ManyAtOnce_MatchesRepliesAcrossTheWrapOfTheSequence()
    {
        // Every third request fails, every other has a reply that tells which one it was.
        await using var server = new FakeXServer(async (stream, cancellationToken) =>
        {
            await FakeXServer.GreetAsync(stream, cancellationToken);
            for (var sequence = 1; ; sequence++)
            {
                var request = await FakeXServer.RequestAsync(stream, cancellationToken);
                if (request[0] == 43)
                    await stream.WriteAsync(FakeXServer.Message(1, 0, sequence), cancellationToken);
                else if (request[0] == 14)
                    await stream.WriteAsync(FakeXServer.Message(request[4] % 3 == 0 ? (byte)0 : (byte)1, request[4], sequence), cancellationToken);
            }
        });
        await using var connection = await OpenAsync(server);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (var round = 0; round < 50; round++)
            {
                var replies = await connection.RunAsync([.. Enumerable.Range(0, 200).SelectMany(number => new[] { XRequest.Geometry((uint)number), XRequest.GrabServer() })]);
                for (var number = 0; number < 200; number++)
                {
                    if (number % 3 == 0)
                        replies[number * 2].Error!.Code.ShouldBe((byte)number);
                    else
                        replies[number * 2].Detail.ShouldBe((byte)number);
                    replies[number * 2 + 1].Error.ShouldBeNull();
                }
            }
        }));
    }

    public static TheoryData<string, byte[]> Lies => new()
    {
        { "a reply longer than there can be", FakeXServer.Message(1, 0, 1, uint.MaxValue) },
        { "a reply of one unit too much", FakeXServer.Message(1, 0, 1, 1) },
        { "a reply to a request that was not sent", FakeXServer.Message(1, 0, 2) },
        { "an error for a request that was not sent", FakeXServer.Message(0, 1, 999) },
        { "an event longer than any", FakeXServer.Message(35, 0, 0, uint.MaxValue / 4) },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task Run_AServerThatLies_BreaksTheConnection(string lie, byte[] message)
    {
        await using var server = Saying(message);
        await using var connection = await OpenAsync(server);
        (await Should.ThrowAsync<XBrokenException>(connection.RunAsync([XRequest.Sync()]), lie)).Message.ShouldNotBeEmpty();
        connection.IsBroken.ShouldBeTrue();
        await Should.ThrowAsync<XBrokenException>(connection.RunAsync([XRequest.Sync()]));
    }

    [Fact]
    public async Task Run_AnImageOfAnotherSize_BreaksTheConnection()
    {
        await using var server = Saying(FakeXServer.Message(1, 24, 1, 15, new byte[60]));
        await using var connection = await OpenAsync(server);
        await Should.ThrowAsync<XBrokenException>(connection.RunAsync([XRequest.Image(77, 0, 4, 4, new byte[64])]));
    }

    [Fact]
    public async Task Run_AFloodOfEvents_BreaksTheConnection()
    {
        await using var server = Saying([.. Enumerable.Repeat(FakeXServer.Message(34, 0, 0), 5_000)]);
        await using var connection = await OpenAsync(server);
        (await Should.ThrowAsync<XBrokenException>(connection.RunAsync([XRequest.Sync()]))).Message.ShouldContain("floods");
    }

    [Fact]
    public async Task Run_AFewEventsBetween_AreLeftOut()
    {
        await using var server = Saying(FakeXServer.Message(34, 0, 0), FakeXServer.Message(35, 0, 0, 2, new byte[8]), FakeXServer.Message(1, 7, 1));
        await using var connection = await OpenAsync(server);
        (await connection.RunAsync([XRequest.Sync()]))[0].Detail.ShouldBe((byte)7);
    }

    [Fact]
    public async Task Run_AServerThatFallsSilent_EndsInTime()
    {
        var time = new ManualTimeProvider();
        await using var server = Saying();
        await using var connection = await OpenAsync(server, time);
        var running = connection.RunAsync([XRequest.Image(77, 0, 4, 4, new byte[64])]);
        await Eventually.TrueAsync(() => time.ArmedTimers > 0);
        while (!running.IsCompleted)
        {
            time.Advance(XConnection.Patience);
            await Task.Yield();
        }

        (await Should.ThrowAsync<XBrokenException>(running)).Message.ShouldContain("s.");
    }

    [Fact]
    public async Task Run_WhenTheServerGoes_EndsEveryRun()
    {
        await using var server = new FakeXServer(async (stream, cancellationToken) =>
        {
            await FakeXServer.GreetAsync(stream, cancellationToken);
            await FakeXServer.RequestAsync(stream, cancellationToken);
        });
        await using var connection = await OpenAsync(server);
        foreach (var run in Enumerable.Range(0, 3).Select(_ => connection.RunAsync([XRequest.Sync(), XRequest.GrabServer(), XRequest.Sync()])).ToList())
            await Should.ThrowAsync<XBrokenException>(run);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(255)]
    public void Read_AKeyboardOfAnotherLength_IsRefused(int perKey) => Should.Throw<XBrokenException>(() => XKeyboard.Read(8, 255, perKey, new byte[248 * 2 * 4]));

    [Fact]
    public async Task Open_WithAStreamOfRubbish_IsBrokenWhateverItIs() => await RandomSchedule.RunAsync(100, async random =>
    {
        var rubbish = new byte[random.Next(1, 5_000)];
        random.NextBytes(rubbish);
        await using var server = new FakeXServer(async (stream, cancellationToken) =>
        {
            await FakeXServer.GreetAsync(stream, cancellationToken);
            await stream.WriteAsync(rubbish, cancellationToken);
            stream.Socket.Shutdown(SocketShutdown.Both);
        });
        try
        {
            await using var display = await XDisplay.OpenAsync(server.SocketPath, Cookie, TimeProvider.System, Token);
            await display.ImageAsync(await display.SizeAsync());
        }
        catch (XBrokenException)
        {
        }
    });
}
