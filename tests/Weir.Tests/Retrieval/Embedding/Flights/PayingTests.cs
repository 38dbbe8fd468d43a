using System.Collections.Concurrent;
using Weir.Retrieval;
using Weir.Retrieval.Embedding;
using Weir.Tests.Retrieval.Embedding.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Embedding.Flights;

public sealed class PayingTests
{
    private readonly ConcurrentQueue<(int Tokens, double Cost)> _owed = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Embed_WhoBeganLeavesAndAnotherJoined_OwesTheCallOnce(bool disconnects)
    {
        var time = new ManualTimeProvider();
        await using var harness = new ServiceHarness(time: time);
        (await harness.Service.AcquireAsync("r")).Model!.Dispose();
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        harness.Route.Before = (_, token) => answer.Task.WaitAsync(token);
        using var leaving = new CancellationTokenSource();
        var first = harness.EmbedAsync(Request(TimeSpan.FromSeconds(1)), leaving.Token);
        await harness.Route.Begun.WaitAsync();
        var second = harness.EmbedAsync(ServiceHarness.Request("r", "a"));
        if (disconnects)
        {
            await leaving.CancelAsync();
            await Should.ThrowAsync<OperationCanceledException>(first);
        }
        else
        {
            time.Advance(TimeSpan.FromSeconds(1));
            (await first).Error!.Status.ShouldBe(504);
        }

        _owed.ShouldBeEmpty();
        answer.SetResult();
        var joined = await second;
        (joined.Error, joined.PaidTokens, joined.Cost, joined.Joined).ShouldBe((null, 0, 0.0, 1));
        _owed.ShouldHaveSingleItem().ShouldBe((10, 0.5));
    }

    [Fact]
    public async Task Embed_OnAnAccountThatLeft_TheAccountOwes()
    {
        await using var harness = new ServiceHarness();
        var account = new Account();
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        harness.Route.Before = (_, token) => answer.Task.WaitAsync(token);
        using var leaving = new CancellationTokenSource();
        var first = harness.EmbedAsync(ServiceHarness.Request("r", "a") with { Asker = ServiceHarness.Asker with { Account = account } }, leaving.Token);
        await harness.Route.Begun.WaitAsync();
        var second = harness.EmbedAsync("r", "a");
        await leaving.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(first);
        answer.SetResult();
        (await second).PaidTokens.ShouldBe(0);
        account.Owed.ShouldHaveSingleItem().ShouldBe(("r", 10, 0.5));
    }

    [Fact]
    public async Task Embed_WhoBeganStays_PaysInTheResultAndOwesNothing()
    {
        await using var harness = new ServiceHarness();
        (await harness.EmbedAsync(Request(null))).PaidTokens.ShouldBe(10);
        (await harness.EmbedAsync(Request(null))).PaidTokens.ShouldBe(0);
        _owed.ShouldBeEmpty();
    }

    [Fact]
    public async Task Embed_ProviderThatFailsInTime_IsWhatIsSaid()
    {
        await using var harness = new ServiceHarness();
        harness.Route.Error = asker => asker.Timeout is null ? null : new RetrievalError(429, "rate_limit", "slow down") { RetryAfter = TimeSpan.FromSeconds(7), ShouldRetry = false };
        var error = (await harness.EmbedAsync(Request(TimeSpan.FromSeconds(4)))).Error!;
        (error.Code, error.RetryAfter, error.ShouldRetry).ShouldBe(("rate_limit", TimeSpan.FromSeconds(7), false));
        harness.Route.Asked.Single().Asker.Timeout!.Value.ShouldBeLessThanOrEqualTo(TimeSpan.FromSeconds(4));
    }

    [Fact]
    public async Task Embed_DeadlineOfWhoBegan_IsNotThatOfWhoJoinedWithMoreTime()
    {
        var time = new ManualTimeProvider();
        await using var harness = new ServiceHarness(time: time);
        (await harness.Service.AcquireAsync("r")).Model!.Dispose();
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        harness.Route.Before = (asker, token) => asker.Timeout is null ? Task.CompletedTask : ended.Task.WaitAsync(token);
        harness.Route.Error = asker => asker.Timeout is null ? null : new RetrievalError(504, "deadline_exceeded", "late");
        var first = harness.EmbedAsync(Request(TimeSpan.FromSeconds(1)));
        await harness.Route.Begun.WaitAsync();
        var second = harness.EmbedAsync("r", "a");
        time.Advance(TimeSpan.FromSeconds(1));
        (await first).Error!.Status.ShouldBe(504);
        ended.SetResult();
        (await second).Error.ShouldBeNull();
        harness.Route.Asked.Select(call => call.Asker.Timeout).ShouldBe([TimeSpan.FromSeconds(1), null]);
    }

    private EmbeddingRequest Request(TimeSpan? timeout) => ServiceHarness.Request("r", "a") with
    {
        Asker = ServiceHarness.Asker with { Timeout = timeout, Owes = (tokens, cost) => _owed.Enqueue((tokens, cost)) },
    };

    private sealed class Account : IEmbeddingAccount
    {
        public ConcurrentQueue<(string Model, int Tokens, double Cost)> Owed { get; } = new();

        public RetrievalError? Check(string model) => null;

        public RetrievalError? TryEnter(string model, int tokens, out IEmbeddingCharge? charge)
        {
            charge = null;
            return null;
        }

        public void Owe(string model, int tokens, double cost) => Owed.Enqueue((model, tokens, cost));
    }
}
