using Weir.Flow.Admission;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Admission;

/// <summary>Random schedules of everything that can happen at a gate, each step compared with <see cref="AdmissionModel"/>.</summary>
public sealed class AdmissionScheduleTests
{
    private static readonly TimeSpan Watchdog = TimeSpan.FromMinutes(2);

    [Fact]
    public Task Gate_RandomSchedule_DoesWhatTheModelDoes() => RandomSchedule.RunAsync(80, RunAsync);

    private static async Task RunAsync(Random random)
    {
        var time = new ManualTimeProvider();
        var ageing = AdmissionModel.Tick * random.Next(1, 80);
        var limits = RandomLimits(random);
        using var gate = new AdmissionGate(limits, time, ageing);
        var model = new AdmissionModel(limits, ageing);
        var lanes = Enumerable.Range(0, random.Next(1, 5)).Select(i =>
        {
            var narrowing = random.Next(2) == 0 ? null : RandomLimits(random);
            return new Way(gate.OpenLane($"{i}", narrowing), new AdmissionModel.Lane(narrowing));
        }).ToList();
        var visits = new List<Visit>();

        for (var step = 0; step < 200; step++)
        {
            var way = lanes[random.Next(lanes.Count)];
            switch (random.Next(20))
            {
                case < 9:
                    visits.Add(Enter(random, model, way));
                    break;
                case < 13:
                    Release(random, model, visits);
                    break;
                case < 16:
                    var by = AdmissionModel.Tick * random.Next(random.Next(10) == 0 ? 700 : 30);
                    time.Advance(by);
                    model.Advance(by);
                    break;
                case < 17:
                    Cancel(random, model, visits);
                    break;
                case < 18:
                    var pause = AdmissionModel.Tick * random.Next(0, 100);
                    way.Real.Pause(pause);
                    model.Pause(way.Model, pause);
                    break;
                case < 19 when random.Next(3) == 0:
                    way.Real.Resume();
                    model.Resume(way.Model);
                    break;
                case 19 when random.Next(12) == 0:
                    way.Real.Dispose();
                    model.Close(way.Model);
                    break;
                default:
                    break;
            }
            await CompareAsync(gate, model, lanes, visits);
        }

        // Everything comes to an end: nothing is left behind by a lost wake-up.
        for (var round = 0; model.Queued + model.QueuedInBackground > 0 && round < 1000; round++)
        {
            while (Release(random, model, visits, AdmissionSignal.Neutral))
                await CompareAsync(gate, model, lanes, visits);
            time.Advance(AdmissionModel.Tick * 100);
            model.Advance(AdmissionModel.Tick * 100);
            await CompareAsync(gate, model, lanes, visits);
        }
        while (Release(random, model, visits, AdmissionSignal.Neutral))
            await CompareAsync(gate, model, lanes, visits);
        (gate.Queued, gate.Snapshot().QueuedInBackground, gate.InFlight, lanes.Sum(way => way.Real.InFlight)).ShouldBe((0, 0, 0, 0));
        var totals = gate.Snapshot().Totals;
        (totals.Admitted + totals.QueueFull + totals.Shed + totals.Deadline + totals.Paused + totals.Closed + totals.Cancelled)
            .ShouldBe(visits.Count);
    }

    private static AdmissionLimits RandomLimits(Random random)
    {
        int? Some(int least, int most) => random.Next(2) == 0 ? random.Next(least, most) : null;
        return new AdmissionLimits
        {
            MaxConcurrency = Some(1, 12) ?? int.MaxValue,
            StartConcurrency = Some(1, 12),
            RequestsPerMinute = Some(1, 30),
            TokensPerMinute = Some(20, 300),
            Queue = Some(0, 8) ?? 1000,
        };
    }

    private static Visit Enter(Random random, AdmissionModel model, Way way)
    {
        var timeout = random.Next(4) == 0 ? Timeout.InfiniteTimeSpan : AdmissionModel.Tick * random.Next(0, 400);
        var ticket = new AdmissionTicket(random.Next(10), random.Next(3) == 0 ? 0 : random.Next(120), timeout, random.Next(5) == 0, random.Next(4) == 0, random.Next(3) == 0);
        var cancellation = new CancellationTokenSource();
        Task<AdmissionResult> entering;
        AdmissionModel.Entrant expected;
        if (random.Next(4) == 0 && (expected = Preview(model, way, ticket)) is { AdmittedAt: not null })
        {
            // The model says that there is room: then there must be for who does not want to wait, too.
            way.Real.TryEnter(ticket, out var permit).ShouldBeTrue();
            entering = Task.FromResult(Of(permit!));
        }
        else
        {
            entering = way.Real.EnterAsync(ticket, cancellation.Token).AsTask();
            expected = model.Enter(way.Model, ticket);
        }
        return new Visit(expected, entering, cancellation);
    }

    /// <summary>Enters in the model only if that admits at once: who would wait there must be turned away by TryEnter.</summary>
    private static AdmissionModel.Entrant Preview(AdmissionModel model, Way way, AdmissionTicket ticket)
    {
        var waitedBefore = (model.Queued, model.QueuedInBackground);
        var hurried = model.Enter(way.Model, ticket with { Timeout = TimeSpan.Zero });
        if (hurried.AdmittedAt is null)
        {
            (model.Queued, model.QueuedInBackground).ShouldBe(waitedBefore);
            way.Real.TryEnter(ticket, out _).ShouldBeFalse();
        }
        return hurried;
    }

    private static AdmissionResult Of(AdmissionPermit permit) => new(permit);

    private static bool Release(Random random, AdmissionModel model, List<Visit> visits, AdmissionSignal? signal = null)
    {
        var inside = visits.Where(v => v.Permit is not null).ToList();
        if (inside.Count == 0)
            return false;
        var visit = inside[random.Next(inside.Count)];
        var says = signal ?? (AdmissionSignal)random.Next(4);
        int? actual = random.Next(2) == 0 ? null : random.Next(150);
        visit.Permit!.Release(says, firstEvent: null, actual);
        visit.Permit.Release(AdmissionSignal.Throttled);
        visit.Permit = null;
        model.Release(visit.Expected, says, actual);
        return true;
    }

    private static void Cancel(Random random, AdmissionModel model, List<Visit> visits)
    {
        var waiting = visits.Where(v => !v.Expected.IsAnswered).ToList();
        if (waiting.Count == 0)
            return;
        var visit = waiting[random.Next(waiting.Count)];
        visit.Cancellation.Cancel();
        model.Cancel(visit.Expected);
    }

    private static async Task CompareAsync(AdmissionGate gate, AdmissionModel model, List<Way> lanes, List<Visit> visits)
    {
        var snapshot = gate.Snapshot();
        (snapshot.InFlight, snapshot.Queued, snapshot.QueuedInBackground, snapshot.Limit)
            .ShouldBe((model.Gate.InFlight, model.Queued, model.QueuedInBackground, model.Gate.Limit));
        if (model.Gate.Limits.RequestsPerMinute is not null)
            snapshot.RequestsLastMinute.ShouldBe(model.Gate.RequestsUsed(model.Now));
        if (model.Gate.Limits.TokensPerMinute is not null)
            snapshot.TokensLastMinute.ShouldBe(model.Gate.TokensUsed(model.Now));
        foreach (var way in lanes)
            (way.Real.InFlight, way.Real.Queued, way.Real.QueuedInBackground)
                .ShouldBe((way.Model.Level.InFlight, model.QueuedIn(way.Model), model.QueuedIn(way.Model, background: true)));
        foreach (var visit in visits.Where(v => !v.IsCompared && v.Expected.IsAnswered))
            await visit.CompareAsync();
        visits.ShouldAllBe(v => v.Expected.IsAnswered || !v.Entering.IsCompleted);
    }

    private sealed record Way(AdmissionLane Real, AdmissionModel.Lane Model);

    private sealed class Visit(AdmissionModel.Entrant expected, Task<AdmissionResult> entering, CancellationTokenSource cancellation)
    {
        public AdmissionModel.Entrant Expected => expected;

        public Task<AdmissionResult> Entering => entering;

        public CancellationTokenSource Cancellation => cancellation;

        public AdmissionPermit? Permit { get; set; }

        public bool IsCompared { get; private set; }

        public async Task CompareAsync()
        {
            IsCompared = true;
            if (expected.IsCancelled)
            {
                await Should.ThrowAsync<OperationCanceledException>(entering.WaitAsync(Watchdog));
                return;
            }
            var result = await entering.WaitAsync(Watchdog);
            result.Refusal?.Reason.ShouldBe(expected.Refusal!.Value);
            if (result.IsAdmitted)
                result.Permit.Waited.ShouldBe(expected.AdmittedAt!.Value - expected.Since);
            else
                (result.Refusal?.RetryAfter).ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(1));
            result.IsAdmitted.ShouldBe(expected.AdmittedAt is not null);
            Permit = result.Permit;
        }
    }
}
