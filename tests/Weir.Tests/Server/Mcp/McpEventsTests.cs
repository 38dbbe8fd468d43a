using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Weir.Server.Mcp.Transport;
using Weir.Tests.Support;

#pragma warning disable MCP9006 // What is tested is for clients of the revisions that have sessions.

namespace Weir.Tests.Server.Mcp;

public sealed class McpEventsTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly McpEventBudget _budget = new();

    [Fact]
    public async Task Read_FromAnEvent_GivesWhatCameAfterItUntilTheEnd()
    {
        var events = new McpEvents("s", _budget, _time);
        var writer = await CreateAsync(events, "1");
        var first = await WriteAsync(writer, "a");
        await WriteAsync(writer, "b");
        var reader = (await events.GetStreamReaderAsync(first))!;
        var reading = reader.ReadEventsAsync().ToListAsync();
        await WriteAsync(writer, "c");
        await writer.DisposeAsync();
        (await reading).Select(item => (string)((JsonRpcNotification)item.Data!).Params!["text"]!).ShouldBe(["b", "c"]);
        events.Answering("1")!.IsFetched.ShouldBeTrue();
        events.Dispose();
        _budget.Taken.ShouldBe(0);
        (await events.GetStreamReaderAsync(first)).ShouldBeNull();
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("-1")]
    [InlineData("1-")]
    [InlineData("1-2")]
    [InlineData("2-1")]
    [InlineData("x-y")]
    [InlineData("99999999999999999999-1")]
    public async Task Read_FromAnEventThatWasNeverSent_IsRefused(string id)
    {
        using var events = new McpEvents("s", _budget, _time);
        await WriteAsync(await CreateAsync(events, "1"), "a");
        (await events.GetStreamReaderAsync(id)).ShouldBeNull();
    }

    [Fact]
    public async Task Write_BeyondTheBound_DropsTheOldestThatIsThrough()
    {
        using var events = new McpEvents("s", _budget, _time);
        var open = await CreateAsync(events, "open");
        var still = await WriteAsync(open, "a");
        var through = await CreateAsync(events, "through");
        var gone = await WriteAsync(through, new string('x', McpEvents.MostBytes / 2));
        await through.DisposeAsync();
        var late = await CreateAsync(events, "late");
        var kept = await WriteAsync(late, new string('y', McpEvents.MostBytes / 2 + 1000));
        (await events.GetStreamReaderAsync(still)).ShouldNotBeNull();
        (await events.GetStreamReaderAsync(kept)).ShouldNotBeNull();
        (await events.GetStreamReaderAsync(gone)).ShouldBeNull();
        _budget.Taken.ShouldBeLessThanOrEqualTo(McpEvents.MostBytes);

        await WriteAsync(late, new string('z', McpEvents.MostBytes + 1));
        _budget.Taken.ShouldBe(0);
        events.Answering("late").ShouldBeNull("a stream with a hole is none");
    }

    [Fact]
    public async Task Streams_BeyondTheBoundOrTooOld_AreForgotten()
    {
        using var events = new McpEvents("s", _budget, _time);
        var ids = new List<string>();
        for (var i = 0; i <= McpEvents.MostStreams; i++)
        {
            var writer = await CreateAsync(events, $"{i}");
            ids.Add(await WriteAsync(writer, "a"));
            await writer.DisposeAsync();
        }

        (await events.GetStreamReaderAsync(ids[0])).ShouldBeNull();
        (await events.GetStreamReaderAsync(ids[^1])).ShouldNotBeNull();
        _time.Advance(TimeSpan.FromMinutes(6));
        await CreateAsync(events, "new");
        (await events.GetStreamReaderAsync(ids[^1])).ShouldBeNull();
        _budget.Taken.ShouldBe(0);
    }

    private static ValueTask<ISseEventStreamWriter> CreateAsync(McpEvents events, string id) =>
        events.CreateStreamAsync(new SseEventStreamOptions { SessionId = "s", StreamId = id });

    private static async Task<string> WriteAsync(ISseEventStreamWriter writer, string text)
    {
        var message = new JsonRpcNotification { Method = "m", Params = new JsonObject { ["text"] = text } };
        return (await writer.WriteEventAsync(new SseItem<JsonRpcMessage?>(message))).EventId!;
    }
}
