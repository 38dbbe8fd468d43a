using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Weir.Server.Errors;
using Weir.Server.Keys;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Keys;

public sealed class KeyLimitsTests : IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly KeyStates _states;
    private readonly KeyLimits _limits;

    public KeyLimitsTests()
    {
        _states = new KeyStates(_time);
        _limits = new KeyLimits(new KeyMetrics(_services.GetRequiredService<IMeterFactory>(), new KeyRing(_states)));
    }

    public void Dispose() => _services.Dispose();

    [Fact]
    public void TryEnter_NoLimits_LetsIn()
    {
        var caller = Caller(new KeyRequest());

        for (var i = 0; i < 10_000; i++) Enter(caller, 1_000_000).Dispose();
    }

    [Fact]
    public void TryEnter_RequestsPerMinute_RefusesWithTheTimeToWait()
    {
        var caller = Caller(new KeyRequest { RequestsPerMinute = 2 });
        Enter(caller).Dispose();
        _time.Advance(TimeSpan.FromSeconds(20));
        Enter(caller).Dispose();

        var refusal = Refused(caller);
        refusal.Status.ShouldBe(429);
        refusal.Code.ShouldBe("key_requests_per_minute");
        refusal.RetryAfter.ShouldBe(TimeSpan.FromSeconds(40));

        _time.Advance(TimeSpan.FromSeconds(40));
        Enter(caller).Dispose();
        Refused(caller);
    }

    [Theory]
    [InlineData(-5)]
    [InlineData(5)]
    public void TryEnter_WallClockJumps_CountsAsBefore(int hours)
    {
        var caller = Caller(new KeyRequest { RequestsPerMinute = 2 });
        Enter(caller).Dispose();
        _time.JumpUtc(TimeSpan.FromHours(hours));
        Enter(caller).Dispose();

        Refused(caller).RetryAfter.ShouldBe(TimeSpan.FromMinutes(1));
        _time.JumpUtc(TimeSpan.FromHours(-2 * hours));
        _time.Advance(TimeSpan.FromMinutes(1));
        Enter(caller).Dispose();
    }

    [Fact]
    public void TryEnter_TokensPerMinute_CountsWhatWasUsedRatherThanEstimated()
    {
        var caller = Caller(new KeyRequest { TokensPerMinute = 100 });
        using (var permit = Enter(caller, 80))
            permit.Settle(new KeyUsage { Model = "m", InputTokens = 10, OutputTokens = 20 });

        Enter(caller, 70).Dispose();
        using (var permit = Enter(caller, 70))
            permit.Settle(new KeyUsage { Model = "m", InputTokens = 60, OutputTokens = 60 });

        Refused(caller, 1).Code.ShouldBe("key_tokens_per_minute");
    }

    [Fact]
    public void Dispose_WithoutSettle_GivesTheTokensBack()
    {
        var caller = Caller(new KeyRequest { TokensPerMinute = 100 });

        for (var i = 0; i < 50; i++) Enter(caller, 100).Dispose();
    }

    [Fact]
    public void TryEnter_RefusedForRequests_TakesNoTokens()
    {
        var caller = Caller(new KeyRequest { TokensPerMinute = 100, RequestsPerMinute = 1 });
        using (var permit = Enter(caller, 10)) permit.Settle(new KeyUsage { Model = "m", InputTokens = 10 });

        for (var i = 0; i < 50; i++) Refused(caller, 50).Code.ShouldBe("key_requests_per_minute");
        _time.Advance(TimeSpan.FromMinutes(1));

        Enter(caller, 100).Dispose();
    }

    [Fact]
    public void TryEnter_MaxInFlight_RefusesUntilOneLeaves()
    {
        var caller = Caller(new KeyRequest { MaxInFlight = 2 });
        var first = Enter(caller);
        using var second = Enter(caller);

        Refused(caller).Code.ShouldBe("key_in_flight");
        first.Dispose();
        first.Dispose();

        using var third = Enter(caller);
        Refused(caller);
        caller.State.InFlight.ShouldBe(2);
    }

    [Theory]
    [InlineData("day", 1)]
    [InlineData("month", 31)]
    public void TryEnter_Spend_Is402UntilThePeriodIsOver(string per, int days)
    {
        var caller = Caller(new KeyRequest { Spend = new SpendLimit(per, 1m) });
        Spend(caller, 0.6m);
        Spend(caller, 0.4m);

        var refusal = Refused(caller);
        refusal.Status.ShouldBe(402);
        refusal.Code.ShouldBe("budget_exceeded");
        refusal.RetryAfter.ShouldBeNull();

        _time.Advance(TimeSpan.FromDays(days) - TimeSpan.FromSeconds(1));
        Refused(caller);
        _time.Advance(TimeSpan.FromSeconds(1));
        Spend(caller, 0.1m);
    }

    [Fact]
    public void TryEnter_ChangedRecord_KeepsWhatWasCounted()
    {
        var before = Caller(new KeyRequest { RequestsPerMinute = 5 });
        for (var i = 0; i < 3; i++) Enter(before).Dispose();

        var after = Caller(new KeyRequest { RequestsPerMinute = 4 });

        Enter(after).Dispose();
        Refused(after);
    }

    [Fact]
    public void Settle_Twice_CountsOnce()
    {
        var caller = Caller(new KeyRequest());
        using var permit = Enter(caller);

        permit.Settle(new KeyUsage { Model = "m", InputTokens = 5 });
        permit.Settle(new KeyUsage { Model = "m", InputTokens = 5 });

        caller.State.WithUsage(u => u.Unwritten()).Single().Value.ShouldBe(new UsageTotals(1, 5, 0, 0));
    }

    [Fact]
    public async Task TryEnter_ManyAtOnce_NeverExceedsInFlightAndLosesNoUsage()
    {
        var seed = Random.Shared.Next();
        TestContext.Current.SendDiagnosticMessage("seed {0}", seed);
        var caller = Caller(new KeyRequest { MaxInFlight = 3 });
        var (inside, most, settled) = (0, 0, 0);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(n => Task.Run(async () =>
        {
            var random = new Random(seed + n);
            for (var i = 0; i < 2000; i++)
            {
                if (!_limits.TryEnter(caller, 1, out var permit, out _)) continue;
                using (permit)
                {
                    var now = Interlocked.Increment(ref inside);
                    InterlockedMax(ref most, now);
                    if (random.Next(4) == 0) await Task.Yield();
                    if (random.Next(3) > 0)
                    {
                        permit.Settle(new KeyUsage { Model = "m" + random.Next(5), InputTokens = 1 });
                        Interlocked.Increment(ref settled);
                    }

                    Interlocked.Decrement(ref inside);
                }
            }
        })));

        most.ShouldBeLessThanOrEqualTo(3, $"seed {seed}");
        caller.State.InFlight.ShouldBe(0);
        caller.State.WithUsage(u => u.Unwritten()).Sum(u => u.Value.Requests).ShouldBe(settled, $"seed {seed}");
    }

    [Theory]
    [InlineData("fast", true)]
    [InlineData("openai/gpt-4o", true)]
    [InlineData("openai/", true)]
    [InlineData("Fast", false)]
    [InlineData("faster", false)]
    [InlineData("groq/llama", false)]
    public void MayUseRoute_ListedNamesAndPrefixes(string name, bool may) =>
        Caller(new KeyRequest { Routes = ["fast", "openai/*"] }).MayUseRoute(name).ShouldBe(may);

    private static void InterlockedMax(ref int target, int value)
    {
        var seen = Volatile.Read(ref target);
        while (value > seen)
        {
            var before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen) return;
            seen = before;
        }
    }

    [Theory]
    [InlineData(20, 18)]
    [InlineData(5, 4)]
    [InlineData(1, 1)]
    public void TryEnter_BackgroundTakesAllItMay_LeavesATenthOfTheMinuteToOthers(int limit, int lines)
    {
        var caller = Caller(new KeyRequest { RequestsPerMinute = limit, TokensPerMinute = limit });

        for (var i = 0; i < lines; i++) EnterInBackground(caller).ShouldBeNull();
        var refusal = EnterInBackground(caller).ShouldNotBeNull();

        refusal.Status.ShouldBe(429);
        refusal.RetryAfter.ShouldBe(TimeSpan.FromMinutes(1));
        for (var i = lines; i < limit; i++) Enter(caller).Settle(new KeyUsage { Model = "m", InputTokens = 1 });
        Refused(caller);
    }

    [Theory]
    [InlineData(16, 14)]
    [InlineData(2, 1)]
    [InlineData(1, 1)]
    public void TryEnter_BackgroundInFlight_LeavesAnEighthToOthers(int limit, int lines)
    {
        var caller = Caller(new KeyRequest { MaxInFlight = limit });

        for (var i = 0; i < lines; i++) EnterInBackground(caller).ShouldBeNull();

        EnterInBackground(caller).ShouldNotBeNull().Code.ShouldBe("key_in_flight");
        for (var i = lines; i < limit; i++) Enter(caller);
        Refused(caller).Code.ShouldBe("key_in_flight");
    }

    private ApiError? EnterInBackground(Caller caller)
    {
        if (_limits.TryEnter(caller, 1, out var permit, out var refusal, background: true)) permit.Settle(new KeyUsage { Model = "m", InputTokens = 1 });
        return refusal;
    }

    private void Spend(Caller caller, decimal cost)
    {
        using var permit = Enter(caller);
        permit.Settle(new KeyUsage { Model = "m", Cost = cost });
    }

    private KeyPermit Enter(Caller caller, int tokens = 1)
    {
        _limits.TryEnter(caller, tokens, out var permit, out var refusal).ShouldBeTrue(refusal?.Message);
        return permit!;
    }

    private ApiError Refused(Caller caller, int tokens = 1)
    {
        _limits.TryEnter(caller, tokens, out _, out var refusal).ShouldBeFalse();
        return refusal!;
    }

    private Caller Caller(KeyRequest request) => new(request.ToRecord("key_1", "weir_x", _time.GetUtcNow()), _states.Of("key_1"));
}
