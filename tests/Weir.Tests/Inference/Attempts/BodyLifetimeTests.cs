using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Weir.Inference;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Tests.Inference.Support;

namespace Weir.Tests.Inference.Attempts;

/// <summary>A request's body is pooled memory: nobody else's bytes may go out in its place.</summary>
public sealed class BodyLifetimeTests
{
    private const int Size = 300_000;

    // The provider answers while most of the body waits for room, then makes room once the memory belongs to somebody else.
    [Theory]
    [InlineData(200)]
    [InlineData(400)]
    [InlineData(503)]
    public async Task RunAsync_Http2ProviderAnswersBeforeItHasRead_SendsNoOneElsesBytes(int status)
    {
        await using var upstream = new Http2Upstream();
        var provider = new ProviderOptions
        {
            BaseUrl = upstream.BaseUrl,
            Connections = new ConnectionOptions { Http2 = Http2Mode.On },
            Retry = new RetryOptions { Unavailable = 0 },
        };
        await using var gateway = new GatewayHarness(new InferenceOptions { Providers = new Dictionary<string, ProviderOptions> { ["a"] = provider } });
        var text = $$"""{"model":"a/m","padding":"{{new string('A', Size)}}"}""";
        var pipe = PipeReader.Create(new ReadOnlySequence<byte>(Encoding.ASCII.GetBytes(text)));
        var body = (await PooledBody.ReadAsync(pipe, text.Length, new BodyLimits(1_000_000, new BodyBudget(1 << 20), TimeProvider.System), CancellationToken.None)).Body!;
        RequestHeadScanner.Scan(body.Memory.Span, out var head).ShouldBeNull();
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray(body.Memory, out var memory).ShouldBeTrue();
        var answer = new TestAnswer();

        var running = gateway.Get<InferencePipeline>().RunAsync(
            new InferenceRequest { Operation = Operation.ChatCompletions, Head = head, Body = body.Memory, Owner = body, Tenant = "t" }, answer, CancellationToken.None).AsTask();
        await upstream.AcceptAsync();
        await upstream.AnswerAsync(status, """{"id":"1"}""");
        (await running).Status.ShouldBe(status);

        body.Dispose();
        var taken = new List<byte[]>();
        for (var i = 0; i < 64; i++)
        {
            var other = ArrayPool<byte>.Shared.Rent(memory.Array!.Length);
            taken.Add(other);
            other.AsSpan().Fill((byte)'B');
        }

        await upstream.MakeRoomAsync();
        await upstream.PingAsync();
        var received = new MemoryStream();
        while (await upstream.ReadAsync() is var frame && !(frame.Type == Http2Upstream.Reset || (frame.Type == Http2Upstream.Data && (frame.Flags & 1) != 0)))
        {
            if (frame.Type == Http2Upstream.Data)
            {
                received.Write(frame.Payload);
            }
        }

        received.ToArray().AsSpan().Contains((byte)'B').ShouldBeFalse();
        received.Length.ShouldBeLessThan(Size, "a body that nobody wants any more is not sent to its end");
        taken.ForEach(array => ArrayPool<byte>.Shared.Return(array));
    }

    [Fact]
    public async Task Dispose_WhileHeld_KeepsTheMemoryUntilTheLastRelease()
    {
        var limits = new BodyLimits(10, new BodyBudget(1 << 20), TimeProvider.System);
        var body = (await PooledBody.ReadAsync(PipeReader.Create(new ReadOnlySequence<byte>(new byte[10])), 10, limits, CancellationToken.None)).Body!;
        body.TryHold().ShouldBeTrue();

        body.Dispose();
        body.Dispose();

        body.Memory.Length.ShouldBe(10);
        body.Release();
        body.TryHold().ShouldBeFalse();
        Should.Throw<ObjectDisposedException>(() => body.Memory);
    }
}
