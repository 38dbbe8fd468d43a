using Microsoft.Extensions.Logging.Abstractions;
using Weir.State;
using Weir.State.Duties;
using Weir.Tests.Support;

namespace Weir.Tests.State.Duties;

public sealed class DutyTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task TryClaim_HeldByAnother_IsRefusedUntilItsEndInStoreTime()
    {
        await using var store = await OpenAsync();
        await using var first = (await Of(store, "a").TryClaimAsync()).ShouldNotBeNull();

        (await Of(store, "b").TryClaimAsync()).ShouldBeNull();
        _time.Advance(TimeSpan.FromSeconds(23.9));
        first.Ended.IsCancellationRequested.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.2));
        first.Ended.IsCancellationRequested.ShouldBeTrue();
        (await Of(store, "b").TryClaimAsync()).ShouldBeNull();

        _time.Advance(TimeSpan.FromSeconds(6));
        await using var second = (await Of(store, "b").TryClaimAsync()).ShouldNotBeNull();
        second.Fence.ShouldBeGreaterThan(first.Fence);
        (await first.RenewAsync()).ShouldBeFalse();
    }

    [Fact]
    public async Task Renew_BeforeTheEnd_HoldsOnAndKeepsTheFence()
    {
        await using var store = await OpenAsync();
        await using var claim = (await Of(store, "a").TryClaimAsync()).ShouldNotBeNull();
        var fence = claim.Fence;
        for (var i = 0; i < 5; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(20));
            (await claim.RenewAsync()).ShouldBeTrue();
        }

        claim.Ended.IsCancellationRequested.ShouldBeFalse();
        claim.Fence.ShouldBe(fence);
        (await Of(store, "b").TryClaimAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task Dispose_GivesItBackAtOnce()
    {
        await using var store = await OpenAsync();
        var claim = (await Of(store, "a").TryClaimAsync()).ShouldNotBeNull();

        await claim.DisposeAsync();

        claim.Ended.IsCancellationRequested.ShouldBeTrue();
        (await Of(store, "b").TryClaimAsync()).ShouldNotBeNull();
    }

    [Fact]
    public async Task TryClaim_ManyAtOnce_OneHolds()
    {
        await using var store = await OpenAsync();
        var claims = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(async () => await Of(store, $"r{i}").TryClaimAsync())));

        claims.Count(c => c is not null).ShouldBe(1);
    }

    [Fact]
    public async Task Run_WorkThatFails_IsTriedAgainUnderAHigherFence()
    {
        await using var store = await OpenAsync();
        var runner = new DutyRunner(Of(store, "a"), new Random(1), NullLogger<DutyRunner>.Instance);
        var fences = new List<long>();
        var run = runner.RunAsync(
            (claim, _) =>
            {
                fences.Add(claim.Fence);
                return fences.Count < 3 ? throw new InvalidOperationException("once more") : Task.CompletedTask;
            },
            TestContext.Current.CancellationToken);

        while (!run.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        await run;
        fences.Count.ShouldBe(3);
        fences.ShouldBeInOrder();
    }

    [Fact]
    public async Task Run_LongWork_IsRenewedAndOthersWait()
    {
        await using var store = await OpenAsync();
        var begun = new TaskCompletionSource<DutyClaim>();
        var release = new TaskCompletionSource();
        var runner = new DutyRunner(Of(store, "a"), new Random(1), NullLogger<DutyRunner>.Instance);
        var run = runner.RunAsync(
            async (claim, ends) =>
            {
                begun.SetResult(claim);
                await release.Task.WaitAsync(ends);
            },
            TestContext.Current.CancellationToken);
        var held = await begun.Task;

        for (var i = 0; i < 40; i++)
        {
            await _time.WhenArmedAsync(2);
            _time.Advance(TimeSpan.FromSeconds(3));
        }

        held.Ended.IsCancellationRequested.ShouldBeFalse();
        (await Of(store, "b").TryClaimAsync()).ShouldBeNull();
        release.SetResult();
        await run;
        (await Of(store, "b").TryClaimAsync()).ShouldNotBeNull();
    }

    private ValueTask<IStateStore> OpenAsync() => StateStores.OpenAsync(new StateOptions { Store = "memory" }, _time);

    private Duty Of(IStateStore store, string holder) => new(store, "p", "sweep", holder, _time);
}
