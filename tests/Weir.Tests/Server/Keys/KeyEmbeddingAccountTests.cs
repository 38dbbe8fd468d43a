using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Weir.Retrieval.Embedding;
using Weir.Retrieval.Models.Hashing;
using Weir.Server.Keys;
using Weir.Server.Retrieval;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Keys;

public sealed class KeyEmbeddingAccountTests : IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly KeyStates _states;
    private readonly KeyLimits _limits;

    public KeyEmbeddingAccountTests()
    {
        _states = new KeyStates(_time);
        _limits = new KeyLimits(new KeyMetrics(_services.GetRequiredService<IMeterFactory>(), new KeyRing(_states)));
    }

    public void Dispose() => _services.Dispose();

    [Fact]
    public void TryEnter_BudgetSpentBetweenTwoCalls_IsRefused()
    {
        var account = Account(new KeyRequest { Spend = new SpendLimit("day", 1) });
        Settle(account, 10, 0.6);
        Settle(account, 10, 0.6);
        var refusal = account.TryEnter("m", 10, out var charge);
        (refusal!.Status, refusal.Code, charge).ShouldBe((402, "budget_exceeded", null));
        var used = Used();
        (used.Requests, used.InputTokens, used.Cost).ShouldBe((1, 20, 1.2m));
        _time.Advance(TimeSpan.FromDays(1));
        account.TryEnter("m", 10, out charge).ShouldBeNull();
        charge!.Dispose();
    }

    [Fact]
    public void TryEnter_TokensOfAMinute_AreTakenAndGivenBack()
    {
        var account = Account(new KeyRequest { TokensPerMinute = 100 });
        account.TryEnter("m", 60, out var unused).ShouldBeNull();
        var refusal = account.TryEnter("m", 60, out _);
        (refusal!.Status, refusal.Code, refusal.RetryAfter > TimeSpan.Zero).ShouldBe((429, "key_tokens_per_minute", true));
        unused!.Dispose();

        // A batch of more than a minute's tokens takes all of them, rather than never fitting, and counts in full.
        Settle(account, 250, 0, estimate: 250);
        account.TryEnter("m", 1, out _)!.Status.ShouldBe(429);
        _time.Advance(TimeSpan.FromMinutes(2));
        account.TryEnter("m", 1, out var later).ShouldBeNull();
        later!.Dispose();
    }

    [Fact]
    public void Check_ModelThatTheKeyMayNotUse_IsForbidden()
    {
        var account = Account(new KeyRequest { Routes = ["small*"] });
        account.Check("small-one").ShouldBeNull();
        account.Check("large")!.Status.ShouldBe(403);
        account.TryEnter("large", 1, out _)!.Code.ShouldBe("model_not_allowed");
    }

    [Fact]
    public async Task EmbedAsync_OnAnAccount_ChargesWhatIsPaidForAndNothingTwice()
    {
        var account = Account(new KeyRequest());
        await using var service = new EmbeddingService(new Dictionary<string, ILocalModel> { ["m"] = new HashingModel(64) });
        var request = new EmbeddingRequest { Model = "m", Inputs = [EmbeddingInput.OfText("four words of text")], Asker = new EmbeddingAsker("t", "k") { Account = account } };
        (await service.EmbedAsync(request)).Error.ShouldBeNull();
        var first = Used();
        first.InputTokens.ShouldBePositive();
        (await service.EmbedAsync(request)).Hits.ShouldBe(1);
        Used().ShouldBe(first);

        var barred = Account(new KeyRequest { Routes = ["other"] });
        (await service.EmbedAsync(request with { Asker = request.Asker with { Account = barred } })).Error!.Status.ShouldBe(403);
    }

    [Fact]
    public void Owe_AfterTheRequest_CountsAgainstBudgetAndTokens()
    {
        var account = Account(new KeyRequest { Spend = new SpendLimit("day", 1), TokensPerMinute = 100 });
        Settle(account, 10, 0);
        account.Owe("m", 95, 0.1);
        account.TryEnter("m", 10, out _)!.Code.ShouldBe("key_tokens_per_minute");
        account.Owe("m", 0, 1);
        account.TryEnter("m", 0, out _)!.Code.ShouldBe("budget_exceeded");
        (Used().Requests, Used().Cost).ShouldBe((1, 1.1m));
    }

    private static void Settle(KeyEmbeddingAccount account, int tokens, double cost, int estimate = 10)
    {
        account.TryEnter("m", estimate, out var charge).ShouldBeNull();
        using (charge)
            charge!.Settle(tokens, cost);
    }

    private UsageTotals Used() => _states.Of("k").WithUsage(static usage => usage.Unwritten().Aggregate(default(UsageTotals), (sum, entry) => sum + entry.Value));

    private KeyEmbeddingAccount Account(KeyRequest request)
    {
        var record = request.ToRecord("k", KeySecret.Create(), _time.GetUtcNow());
        return new KeyEmbeddingAccount(new Caller(record, _states.Of("k")), _limits);
    }
}
