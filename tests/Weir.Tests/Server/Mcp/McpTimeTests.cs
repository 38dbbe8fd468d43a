using System.Net;
using Weir.Server.Mcp.Transport;
using Weir.Tests.Server.Mcp.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Mcp;

public sealed class McpTimeTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Session_ThatNobodyUses_EndsAndKeepsItsLeases()
    {
        await using var mcp = await McpServerUnderTest.StartAsync(_time);
        var session = await mcp.BeginAsync();
        await mcp.CallAsync("allocate_single_resource", new { worker_id = "w", resource_type = "rag" }, session);
        _time.Advance(McpSessions.IdleFor - TimeSpan.FromMinutes(2));
        using (var used = await mcp.PostAsync("""{"jsonrpc":"2.0","id":1,"method":"ping"}""", session))
        {
            used.StatusCode.ShouldBe(HttpStatusCode.OK);
            await used.Content.ReadAsStringAsync();
        }

        _time.Advance(McpSessions.IdleFor - TimeSpan.FromMinutes(2));
        using (var still = await mcp.PostAsync("""{"jsonrpc":"2.0","id":2,"method":"ping"}""", session))
            (await still.Content.ReadAsStringAsync()).ShouldContain("result");

        await Eventually.TrueAsync(() =>
        {
            _time.Advance(TimeSpan.FromMinutes(10));
            return mcp.Server.Service<McpSessions>().Count == 0;
        });
        using var gone = await mcp.PostAsync("""{"jsonrpc":"2.0","id":3,"method":"ping"}""", session);
        gone.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        mcp.Leases.Leases.Single().Value.HasEnded.ShouldBeFalse("its ttl decides");
    }

    [Fact]
    public async Task Client_ThatCouldComeBackAndDoesNot_IsGivenUp()
    {
        await using var mcp = await McpServerUnderTest.StartAsync(_time);
        var session = await mcp.BeginAsync();
        mcp.Leases.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (await mcp.PostAsync(mcp.Call("allocate_single_resource", new { worker_id = "w", resource_type = "rag" }), session))
            (await mcp.Leases.Waiting.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBeTrue();
        await Eventually.TrueAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return mcp.Leases.GivenUp.CurrentCount == 1;
        });
        _time.Elapsed.ShouldBeGreaterThanOrEqualTo(McpLostAnswers.Patience);
    }

    [Fact]
    public async Task Lease_ThatNobodyWasToldOf_IsGivenBack()
    {
        await using var mcp = await McpServerUnderTest.StartAsync(_time);
        var session = await mcp.BeginAsync();
        mcp.Leases.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (await mcp.PostAsync(mcp.Call("allocate_single_resource", new { worker_id = "w", resource_type = "rag" }), session))
            (await mcp.Leases.Waiting.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBeTrue();
        mcp.Leases.Hold.SetResult();
        await Eventually.TrueAsync(() => mcp.Leases.Leases.Count == 1);
        await Eventually.TrueAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return !mcp.Leases.Abandoned.IsEmpty;
        });
        mcp.Leases.Abandoned.ShouldBe([mcp.Leases.Leases.Single().Value.Id]);
    }

    [Fact]
    public async Task Silence_OfALongWait_IsBrokenByComments()
    {
        await using var mcp = await McpServerUnderTest.StartAsync(_time);
        mcp.Leases.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var answer = await mcp.PostAsync(mcp.Call("allocate_single_resource", new { worker_id = "w", resource_type = "rag" }));
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var line = reader.ReadLineAsync();
        await Eventually.TrueAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return line.IsCompleted;
        });
        (await line).ShouldBe(":");
        mcp.Leases.Hold.SetResult();
        (await reader.ReadToEndAsync()).ShouldContain("rag.0");
    }
}
