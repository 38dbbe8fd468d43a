using System.Text;
using System.Text.Json;
using Weir.Retrieval.Catalogs.Mcp;

namespace Weir.Tests.Retrieval.Catalogs.Mcp;

public sealed class DepthCutTests
{
    private static readonly string Full = Nested(DepthCut.Most, "\\\"}]{[");

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(200)]
    public async Task Read_NestsDeeperThanMost_LosesThatValueAlone(int over)
    {
        var deep = $$"""{"a":{{Nested(DepthCut.Most - 1 + over, "x}]\\\"{")}},"b":[1,"}{"]}""";
        foreach (var (border, start, end) in ((MessageBorder, string, string)[])
            [(MessageBorder.Line, "", "\n"), (MessageBorder.End, "", ""), (MessageBorder.EmptyLine, ": {{{ \"\nevent: message\nid:[\ndata: ", "\n\n"), (MessageBorder.EmptyLine, "event: message\r\ndata:", "\r\n\r\n")])
        {
            var text = string.Concat(Enumerable.Repeat($"{start}{deep}{end}", border == MessageBorder.End ? 1 : 3));
            foreach (var piece in (int[])[1, 2, 7, 64, 100_000])
            {
                var read = await ReadAsync(text, border, piece);
                if (over == 0)
                    read.ShouldBe(text);
                foreach (var message in end.Length == 0 ? [read] : read.Split(end, StringSplitOptions.RemoveEmptyEntries))
                {
                    message.ShouldStartWith(start);
                    using var json = JsonDocument.Parse(message[start.Length..], new JsonDocumentOptions { MaxDepth = DepthCut.Most });
                    json.RootElement.GetProperty("b")[1].GetString().ShouldBe("}{");
                }
            }
        }
    }

    [Fact]
    public async Task Read_EventOfSeveralDataLines_KeepsItsFrame()
    {
        var read = await ReadAsync($"data: {{\"a\":\ndata: {Nested(100, "x")}\ndata: }}\n\n", MessageBorder.EmptyLine, 5);
        read.Split('\n').Count(line => line.StartsWith("data: ", StringComparison.Ordinal)).ShouldBe(3);
        using var json = JsonDocument.Parse(read.Replace("data: ", "", StringComparison.Ordinal), new JsonDocumentOptions { MaxDepth = DepthCut.Most });
    }

    [Fact]
    public async Task Read_BrokenMessageBefore_DoesNotReachIntoTheNext() =>
        (await ReadAsync($"{{\"a\":\"[[[\n{Full}\n", MessageBorder.Line, 3)).ShouldEndWith($"\n{Full}\n");

    private static string Nested(int depth, string text) =>
        string.Concat(Enumerable.Range(0, depth).Select(i => i % 2 == 0 ? "{\"k\":" : "[")) + $"\"{text}\"" + string.Concat(Enumerable.Range(0, depth).Reverse().Select(i => i % 2 == 0 ? "}" : "]"));

    private static async Task<string> ReadAsync(string text, MessageBorder border, int piece)
    {
        using var stream = new BoundedStream(new MemoryStream(Encoding.UTF8.GetBytes(text)), 1 << 20, border);
        using var all = new MemoryStream();
        var buffer = new byte[piece];
        while (await stream.ReadAsync(buffer) is > 0 and var read)
            all.Write(buffer, 0, read);
        return Encoding.UTF8.GetString(all.ToArray());
    }
}
