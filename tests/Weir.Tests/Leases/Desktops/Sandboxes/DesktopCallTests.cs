using System.Net.Sockets;
using System.Text.Json.Nodes;
using Weir.Leases.Desktops.Sandboxes;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

public sealed class DesktopCallTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"weir-call-{Guid.NewGuid():N}");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ask_WhoAnswersAtOnceAndLeaves_IsHeard()
    {
        using var listener = Listen();
        var serving = Task.Run(async () =>
        {
            for (var i = 0; i < 300; i++)
            {
                using var caller = await listener.AcceptAsync(Token);
                // The end of the request's one line is all that is waited for.
                for (var read = new byte[4096]; await caller.ReceiveAsync(read, Token) is var count && read[count - 1] != '\n';)
                    count.ShouldBePositive();
                await caller.SendAsync("{\"display\":7,\"length\":2}\nok"u8.ToArray(), Token);
            }
        }, Token);

        for (var i = 0; i < 300; i++)
        {
            var (head, body) = await DesktopCall.AskAsync(_path, new JsonObject { ["call"] = "change" }, default, 10, Token);
            ((int?)head["display"], body.Length).ShouldBe((7, 2));
        }

        await serving;
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("[]\n")]
    [InlineData("{\"length\":\"x\"}\n")]
    [InlineData("{\"length\":-1}\n")]
    [InlineData("{\"length\":11}\n12345678901")]
    [InlineData("{\"length\":5}\n123")]
    public async Task Ask_AnswerAgainstTheRules_IsAnError(string answer)
    {
        using var listener = Listen();
        var serving = Task.Run(async () =>
        {
            using var caller = await listener.AcceptAsync(Token);
            await caller.ReceiveAsync(new byte[4096], Token);
            await caller.SendAsync(System.Text.Encoding.UTF8.GetBytes(answer), Token);
        }, Token);

        await Should.ThrowAsync<IOException>(() => DesktopCall.AskAsync(_path, [], default, 10, Token));
        await serving;
    }

    public void Dispose() => File.Delete(_path);

    private Socket Listen()
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(_path));
        listener.Listen();
        return listener;
    }
}
