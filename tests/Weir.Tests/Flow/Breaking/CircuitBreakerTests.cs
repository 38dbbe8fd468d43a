using Weir.Flow.Breaking;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Breaking;

public sealed class CircuitBreakerTests
{
    private static readonly CircuitBreakerSettings Settings = new() { MinimumRequests = 4, HalfOpenRequests = 2 };

    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void State_FailuresReachTheRatio_Opens()
    {
        var breaker = new CircuitBreaker(Settings, _time);
        Report(breaker, "ssff");
        breaker.State.ShouldBe(BreakerState.Open);
        breaker.OpenFor.ShouldBe(TimeSpan.FromSeconds(15));
        breaker.Opened.ShouldBe(1);
        breaker.WouldPass.ShouldBeFalse();
        breaker.TryPass(out _).ShouldBeFalse();
    }

    [Fact]
    public void State_FewerThanTheMinimum_StaysClosed()
    {
        var breaker = new CircuitBreaker(Settings, _time);
        Report(breaker, "fff");
        breaker.State.ShouldBe(BreakerState.Closed);
    }

    [Fact]
    public void State_FailuresUnderTheRatio_StaysClosed()
    {
        var breaker = new CircuitBreaker(Settings, _time);
        Report(breaker, "sssffsssff");
        breaker.State.ShouldBe(BreakerState.Closed);
    }

    [Fact]
    public void State_IgnoredResults_CountForNothing()
    {
        var breaker = new CircuitBreaker(Settings, _time);
        Report(breaker, "iiiiiiifff");
        breaker.State.ShouldBe(BreakerState.Closed);
    }

    [Fact]
    public void State_FailuresThatHaveLeftTheWindow_DoNotCount()
    {
        var breaker = new CircuitBreaker(Settings, _time);
        Report(breaker, "fff");
        _time.Advance(TimeSpan.FromSeconds(30));
        Report(breaker, "f");
        breaker.State.ShouldBe(BreakerState.Closed);
        Report(breaker, "fff");
        breaker.State.ShouldBe(BreakerState.Open);
    }

    [Fact]
    public void TryPass_OpenPeriodOver_LetsOnlyTheProbesThrough()
    {
        var breaker = Opened();
        _time.Advance(TimeSpan.FromSeconds(15) - TimeSpan.FromTicks(1));
        breaker.TryPass(out _).ShouldBeFalse();
        _time.Advance(TimeSpan.FromTicks(1));
        breaker.State.ShouldBe(BreakerState.HalfOpen);
        breaker.OpenFor.ShouldBe(TimeSpan.Zero);
        breaker.TryPass(out var first).ShouldBeTrue();
        breaker.WouldPass.ShouldBeTrue();
        breaker.TryPass(out var second).ShouldBeTrue();
        breaker.WouldPass.ShouldBeFalse();
        breaker.TryPass(out _).ShouldBeFalse();
        first.Succeeded();
        breaker.State.ShouldBe(BreakerState.HalfOpen);
        breaker.TryPass(out _).ShouldBeFalse();
        second.Succeeded();
        breaker.State.ShouldBe(BreakerState.Closed);
    }

    [Fact]
    public void Failed_Probe_OpensAgainForAWholePeriod()
    {
        var breaker = Opened();
        _time.Advance(TimeSpan.FromSeconds(20));
        breaker.TryPass(out var probe).ShouldBeTrue();
        probe.Failed();
        breaker.State.ShouldBe(BreakerState.Open);
        breaker.OpenFor.ShouldBe(TimeSpan.FromSeconds(15));
        breaker.Opened.ShouldBe(2);
    }

    [Fact]
    public void Ignored_Probe_FreesItsPlace()
    {
        var breaker = Opened();
        _time.Advance(TimeSpan.FromSeconds(15));
        breaker.TryPass(out var abandoned).ShouldBeTrue();
        breaker.TryPass(out _).ShouldBeTrue();
        breaker.TryPass(out _).ShouldBeFalse();
        abandoned.Ignored();
        breaker.State.ShouldBe(BreakerState.HalfOpen);
        breaker.TryPass(out _).ShouldBeTrue();
    }

    [Fact]
    public void TryPass_ProbeNeverReported_AnotherPassesAfterAnOpenPeriod()
    {
        var breaker = new CircuitBreaker(new CircuitBreakerSettings { MinimumRequests = 1 }, _time);
        Report(breaker, "f");
        _time.Advance(TimeSpan.FromSeconds(15));
        breaker.TryPass(out _).ShouldBeTrue();
        _time.Advance(TimeSpan.FromSeconds(14));
        breaker.TryPass(out _).ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(1));
        breaker.TryPass(out var probe).ShouldBeTrue();
        probe.Succeeded();
        breaker.State.ShouldBe(BreakerState.Closed);
    }

    [Fact]
    public void Report_PassTakenBeforeItOpened_ChangesNothing()
    {
        var breaker = new CircuitBreaker(Settings, _time);
        var early = Enumerable.Range(0, 20).Select(_ => Pass(breaker)).ToList();
        Report(breaker, "ffff");
        _time.Advance(TimeSpan.FromSeconds(15));
        breaker.TryPass(out var probe).ShouldBeTrue();
        early[0].Failed();
        early[1].Succeeded();
        early[2].Succeeded();
        breaker.State.ShouldBe(BreakerState.HalfOpen);
        probe.Succeeded();
        Pass(breaker).Succeeded();
        breaker.State.ShouldBe(BreakerState.Closed);
        foreach (var pass in early[3..])
            pass.Failed();
        breaker.State.ShouldBe(BreakerState.Closed);
        breaker.Opened.ShouldBe(1);
    }

    [Fact]
    public void Reset_Open_ClosesAndForgets()
    {
        var breaker = Opened();
        breaker.Reset();
        breaker.State.ShouldBe(BreakerState.Closed);
        Report(breaker, "fff");
        breaker.State.ShouldBe(BreakerState.Closed);
    }

    [Fact]
    public void Reconfigure_OtherRatio_HoldsFromThenOn()
    {
        var breaker = new CircuitBreaker(Settings, _time);
        breaker.Reconfigure(Settings with { FailureRatio = 1 });
        Report(breaker, "sfffff");
        breaker.State.ShouldBe(BreakerState.Closed);
        breaker.Reconfigure(Settings);
        Report(breaker, "f");
        breaker.State.ShouldBe(BreakerState.Open);
    }

    [Fact]
    public void BreakerPass_Default_ReportsToNobody()
    {
        default(BreakerPass).Succeeded();
        default(BreakerPass).Failed();
        default(BreakerPass).Ignored();
    }

    [Fact]
    public void TryPass_ManyThreadsAtTheEndOfTheOpenPeriod_LetsExactlyTheProbesThrough()
    {
        for (var round = 0; round < 200; round++)
        {
            var breaker = Opened();
            _time.Advance(TimeSpan.FromSeconds(15));
            var passed = 0;
            Parallel.For(0, 16, _ =>
            {
                if (breaker.TryPass(out var _))
                    Interlocked.Increment(ref passed);
            });
            passed.ShouldBe(2);
        }
    }

    [Fact]
    public void State_RandomSchedule_MatchesTheModel() => RandomSchedule.Run(100, random =>
    {
        var time = new ManualTimeProvider();
        var settings = new CircuitBreakerSettings
        {
            MinimumRequests = random.Next(1, 6),
            HalfOpenRequests = random.Next(1, 4),
            FailureRatio = random.Next(1, 11) / 10.0,
            Window = TimeSpan.FromSeconds(10),
            Open = TimeSpan.FromSeconds(5),
        };
        var breaker = new CircuitBreaker(settings, time);
        var model = new BreakerModel(settings);
        var passes = new List<(BreakerPass Real, int Model)>();
        for (var step = 0; step < 300; step++)
        {
            if (random.Next(4) == 0)
            {
                // Whole seconds: the buckets of the window are as wide, so that the model need not know of them.
                var seconds = random.Next(0, 4);
                time.Advance(TimeSpan.FromSeconds(seconds));
                model.Now += seconds;
            }
            breaker.State.ShouldBe(model.State);
            breaker.WouldPass.ShouldBe(model.WouldPass);
            if (random.Next(2) == 0)
            {
                var expected = model.TryPass(out var ticket);
                breaker.TryPass(out var pass).ShouldBe(expected);
                if (expected)
                    passes.Add((pass, ticket));
            }
            else if (passes.Count > 0)
            {
                var index = random.Next(passes.Count);
                var (pass, ticket) = passes[index];
                passes.RemoveAt(index);
                var result = random.Next(3);
                model.Report(ticket, result);
                if (result == 0)
                    pass.Succeeded();
                else if (result == 1)
                    pass.Failed();
                else
                    pass.Ignored();
            }
        }
    });

    private static BreakerPass Pass(CircuitBreaker breaker)
    {
        breaker.TryPass(out var pass).ShouldBeTrue();
        return pass;
    }

    private static void Report(CircuitBreaker breaker, string results)
    {
        foreach (var result in results)
        {
            var pass = Pass(breaker);
            if (result == 's')
                pass.Succeeded();
            else if (result == 'f')
                pass.Failed();
            else
                pass.Ignored();
        }
    }

    private CircuitBreaker Opened()
    {
        var breaker = new CircuitBreaker(Settings, _time);
        Report(breaker, "ffff");
        return breaker;
    }

    /// <summary>The same in the plainest words: every result in a list, every change of state a new generation.</summary>
    private sealed class BreakerModel(CircuitBreakerSettings settings)
    {
        private readonly List<(int At, bool Failed)> _results = [];
        private bool _closed = true;
        private bool _probing;
        private int _openedAt;
        private int _generation;
        private int _probes;
        private int _successes;
        private int _lastProbe;

        public int Now { get; set; }

        public BreakerState State => _closed ? BreakerState.Closed : _probing || Now - _openedAt >= 5 ? BreakerState.HalfOpen : BreakerState.Open;

        public bool WouldPass => State switch
        {
            BreakerState.Closed => true,
            BreakerState.Open => false,
            _ => !_probing || _probes + _successes < settings.HalfOpenRequests || Now - _lastProbe >= 5,
        };

        public bool TryPass(out int generation)
        {
            generation = _generation;
            if (!WouldPass)
                return false;
            if (_closed)
                return true;
            if (!_probing)
                Change(closed: false, probing: true);
            _probes++;
            _lastProbe = Now;
            generation = _generation;
            return true;
        }

        public void Report(int generation, int result)
        {
            if (generation != _generation)
                return;
            if (_probing)
            {
                _probes--;
                if (result == 1)
                    Change(closed: false, probing: false);
                else if (result == 0 && ++_successes >= settings.HalfOpenRequests)
                    Change(closed: true, probing: false);
                return;
            }
            if (!_closed || result == 2)
                return;
            _results.Add((Now, result == 1));
            var live = _results.Where(r => r.At > Now - 10).ToList();
            if (result == 1 && live.Count >= settings.MinimumRequests && (double)live.Count(r => r.Failed) / live.Count >= settings.FailureRatio)
                Change(closed: false, probing: false);
        }

        private void Change(bool closed, bool probing)
        {
            (_closed, _probing, _openedAt) = (closed, probing, Now);
            _generation++;
            _probes = 0;
            _successes = 0;
            _results.Clear();
        }
    }
}
