using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Server.Keys;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Endpoints;

public sealed class UsageEndpointsTests
{
    [Fact]
    public async Task Read_BeforeAndAfterFlush_IsTheSame()
    {
        await using var server = await RunningServer.StartAsync();
        var (record, secret) = await server.AddKeyRecordAsync(new KeyRequest());
        Use(server, record.Id, "fast", "box", 3);
        Use(server, record.Id, "fast", "openai", 4);

        var before = await ReadAsync(server, secret, "?by=key,model");
        (await server.Service<UsageLedger>().FlushAsync(CancellationToken.None)).ShouldBeTrue();
        var after = await ReadAsync(server, secret, "?by=key,model");

        before.GetRawText().ShouldBe(after.GetRawText());
        var line = after.EnumerateArray().Single();
        line.GetProperty("key").GetString().ShouldBe(record.Id);
        line.GetProperty("model").GetString().ShouldBe("fast");
        line.GetProperty("input_tokens").GetInt64().ShouldBe(7);
        line.GetProperty("requests").GetInt64().ShouldBe(2);
        line.TryGetProperty("day", out _).ShouldBeFalse();
    }

    [Fact]
    public async Task Read_WhileAFlushIsDue_NeverMissesWhatIsOnItsWay()
    {
        var time = new ManualTimeProvider();
        await using var inner = new MemoryStateStore(new StateOptions(), time);
        var store = new UnreliableStore(inner, new Random(1));
        await using var server = await RunningServer.StartAsync(new() { Time = time, Store = store });
        var ledger = server.Service<UsageLedger>();
        Use(server, "key_1", "fast", "box", 3);
        var flush = Task.CompletedTask;
        store.Listed = async () =>
        {
            store.Listed = static () => Task.CompletedTask;
            flush = Task.Run(() => ledger.FlushAsync(CancellationToken.None));
            // Where it may write now it does so long before this is over.
            await Task.WhenAny(flush, Task.Delay(200));
        };

        (await ReadAsync(server, server.AdminKey, "?by=&from=2030-01-01")).EnumerateArray().Single().GetProperty("input_tokens").GetInt64().ShouldBe(3);
        await flush;
        (await ReadAsync(server, server.AdminKey, "?by=")).EnumerateArray().Single().GetProperty("input_tokens").GetInt64().ShouldBe(3);
    }

    [Fact]
    public async Task Read_ByOthers_IsTheirOwnAndByAnAdminAll()
    {
        await using var server = await RunningServer.StartAsync();
        var (one, secretOfOne) = await server.AddKeyRecordAsync(new KeyRequest());
        var (two, _) = await server.AddKeyRecordAsync(new KeyRequest());
        Use(server, one.Id, "fast", "box", 1);
        Use(server, two.Id, "fast", "box", 2);

        (await ReadAsync(server, secretOfOne, "?by=key")).EnumerateArray().Select(l => l.GetProperty("key").GetString()).ShouldBe([one.Id]);
        (await ReadAsync(server, server.AdminKey, "?by=key")).GetArrayLength().ShouldBe(2);
        (await ReadAsync(server, server.AdminKey, "?by=")).EnumerateArray().Single().GetProperty("input_tokens").GetInt64().ShouldBe(3);
    }

    [Fact]
    public async Task Read_Days_AreBoundedAsAsked()
    {
        var time = new ManualTimeProvider();
        await using var server = await RunningServer.StartAsync(new() { Time = time });
        for (var i = 0; i < 5; i++)
        {
            Use(server, "key_1", "fast", "box", 1);
            // Days are the calendar's: nothing that the server does each second need run meanwhile.
            time.JumpUtc(TimeSpan.FromDays(1));
        }

        (await ReadAsync(server, server.AdminKey, "?by=day&from=2030-01-02&to=2030-01-03"))
            .EnumerateArray().Select(l => l.GetProperty("day").GetString()).ShouldBe(["2030-01-02", "2030-01-03"]);
        (await ReadAsync(server, server.AdminKey, "")).GetArrayLength().ShouldBe(5);
    }

    [Theory]
    [InlineData("?by=colour")]
    [InlineData("?from=yesterday")]
    [InlineData("?to=0001-01-01")]
    [InlineData("?from=2030-02-01&to=2030-01-01")]
    [InlineData("?from=2020-01-01&to=2030-01-01")]
    public async Task Read_Wrong_Is422(string query)
    {
        await using var server = await RunningServer.StartAsync();

        using var answer = await server.SendAsync(HttpMethod.Get, "/v1/usage" + query);

        answer.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
    }

    private static void Use(RunningServer server, string key, string model, string provider, int tokens) =>
        server.Service<KeyStates>().Of(key).Count(new KeyUsage { Model = model, Provider = provider, InputTokens = tokens });

    private static async Task<JsonElement> ReadAsync(RunningServer server, string key, string query)
    {
        using var answer = await server.SendAsync(HttpMethod.Get, "/v1/usage" + query, key);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");
    }
}
