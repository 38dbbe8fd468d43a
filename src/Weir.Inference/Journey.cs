using Microsoft.Extensions.Logging;
using Weir.Flow.Admission;
using Weir.Inference.Attempts;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Responses;
using Weir.Inference.Routing;
using Weir.Inference.Routing.Balancing;

namespace Weir.Inference;

/// <summary>What every journey uses.</summary>
internal sealed record JourneyServices(
    DeploymentPicker Picker, RetryPolicy Retries, ResponseDirectory Responses, InferenceMetrics Metrics, TimeProvider Time, ILogger<InferencePipeline> Logger);

/// <summary>
/// One request on its way through a route: a deployment, admission, an attempt; again elsewhere or later as the class of a failure
/// says; then the relay. Nothing is tried again once a byte of an answer has gone to the client.
/// </summary>
internal sealed partial class Journey(
    JourneyServices services, RouteModel route, InferenceRequest request, IAnswer answer, InferenceReport report, long started, CancellationToken clientGone)
{
    private readonly Trail _trail = new();

    // Queueing, waits and attempts all count against it.
    private TimeSpan Remaining => (request.Timeout ?? route.Timeout) - services.Time.GetElapsedTime(started);

    /// <returns>Null: answered, or nobody is left to answer.</returns>
    public async ValueTask<InferenceError?> RunAsync()
    {
        while (true)
        {
            var (target, again) = Choose();
            if (target is null)
            {
                return Exhausted.Explain(route, _trail, Remaining);
            }

            if (again.Wait > TimeSpan.Zero)
            {
                await Task.Delay(again.Wait, services.Time, clientGone).ConfigureAwait(false);
            }

            report.At(target);
            var admission = await target.State.Lane.EnterAsync(Ticket(again), clientGone).ConfigureAwait(false);
            if (admission.Refusal is { } refusal)
            {
                if (Exhausted.Explain(target, refusal) is { } final)
                {
                    return final;
                }

                // Paused meanwhile: there may be another deployment, or else there is a wait to decide on.
                continue;
            }

            using var permit = admission.Permit!;
            report.Queued += permit.Waited;
            if (!target.State.TryPass(out var pass))
            {
                permit.Release(AdmissionSignal.Neutral, actualTokens: 0);
                continue;
            }

            using var clock = new AttemptClock(services.Time, Remaining, clientGone);
            var outcome = await AttemptAsync(target, clock).ConfigureAwait(false);
            if (outcome.Answer is { } upstream)
            {
                pass.Succeeded();
                target.State.Answered();
                await RelayAsync(target, upstream, clock, permit).ConfigureAwait(false);
                return null;
            }

            var failure = outcome.Failure!;
            target.State.Failed(failure, pass, permit, isRepeat: again.Deployment >= 0);
            var (isFinal, error) = await ConcludeAsync(target, failure).ConfigureAwait(false);
            if (isFinal)
            {
                return error;
            }

            Note(target, failure);
        }
    }

    // A deployment that is free to be used now; else one that is worth waiting for; else none.
    private (DeploymentModel? Target, RetryDecision Again) Choose()
    {
        if (services.Picker.Pick(route, _trail, route.Balance == Balance.Affinity ? AffinityKey.Of(request) : 0) is { } free)
        {
            return (free, RetryDecision.GiveUp);
        }

        var again = services.Retries.Decide(route, _trail, Remaining);
        return (again.Deployment < 0 ? null : route.Deployments[again.Deployment], again);
    }

    private AdmissionTicket Ticket(RetryDecision again) => new(
        request.Priority,
        // What a provider keeps was made and paid for before.
        request.Stored is null ? request.Head.EstimatedInput + route.State.MeanOutput : 0,
        Remaining,
        again.AtHead,
        LeavesOnPause: again.Deployment < 0 && route.Deployments.Length > 1);

    private async ValueTask<AttemptOutcome> AttemptAsync(DeploymentModel target, AttemptClock clock)
    {
        _trail.Attempts++;
        report.Attempts++;
        target.State.Provider.Budget.CountRequest();
        target.State.Sent();
        using var activity = InferenceTracing.StartAttempt(target, request);
        var outcome = await Attempt.SendAsync(target, request, clock, services.Time).ConfigureAwait(false);
        services.Metrics.Attempted(target, outcome.Failure?.Class);
        InferenceTracing.End(activity, outcome);
        if (route.Balance == Balance.Latency)
        {
            Measure(target, outcome, clock);
        }

        return outcome;
    }

    private static void Measure(DeploymentModel target, in AttemptOutcome outcome, AttemptClock clock)
    {
        if (outcome.Answer is { } upstream)
        {
            target.State.Latency.Answered(upstream.FirstEvent);
        }
        else if (outcome.Failure!.Class is FailureClass.Network or FailureClass.Unavailable or FailureClass.Timeout or FailureClass.Broken)
        {
            target.State.Latency.Failed(clock.Elapsed);
        }
    }

    // Whether a failure ends the journey, and with which error of ours; none where the client has left or has been answered.
    private async ValueTask<(bool IsFinal, InferenceError? Error)> ConcludeAsync(DeploymentModel target, Failure failure)
    {
        report.UpstreamId = failure.UpstreamId ?? report.UpstreamId;
        switch (failure.Class)
        {
            case FailureClass.Cancelled:
                report.ClientLeft();
                return (true, null);
            case FailureClass.Deadline:
                return (true, Exhausted.Deadline(failure.Message));
        }

        if (request.Pin is { } pin)
        {
            switch (ResponseDirectory.AbsenceOf(failure, pin))
            {
                case Absence.Api:
                    return (true, ResponseDirectory.Unsupported(target, request));
                case Absence.Response:
                    return (true, await PassOnAsync(ResponseDirectory.Rename(failure, pin)).ConfigureAwait(false));
            }

            failure = failure.Class == FailureClass.Client ? ResponseDirectory.Rename(failure, pin) : failure;
        }

        return failure.Class == FailureClass.Client ? (true, await PassOnAsync(failure).ConfigureAwait(false)) : (false, null);
    }

    // The provider's answer is the client's; where there is nothing of it to pass on, we say what it was.
    private async ValueTask<InferenceError?> PassOnAsync(Failure failure)
    {
        report.Status = failure.Status;
        report.FailedBy = "client";
        report.ClientAtFault = true;
        if (failure.Body.IsEmpty)
        {
            return new InferenceError(failure.Status, "provider_rejected", failure.Message) { ShouldRetry = false };
        }

        answer.Begin(new AnswerHead(failure.Status, failure.ContentType, failure.Body.Length, report));
        await answer.Body.WriteAsync(failure.Body, clientGone).ConfigureAwait(false);
        return null;
    }

    private void Note(DeploymentModel target, Failure failure)
    {
        LogAttemptFailed(services.Logger, target.Name, failure.Class, failure.Status, _trail.Attempts);
        var ready = services.Time.GetTimestamp() + (long)(services.Retries.Backoff(failure, _trail).TotalSeconds * services.Time.TimestampFrequency);
        _trail.Failed(Array.IndexOf(route.Deployments, target), route.Deployments.Length, failure, ready);
    }

    private async ValueTask RelayAsync(DeploymentModel target, UpstreamAnswer upstream, AttemptClock clock, AdmissionPermit permit)
    {
        using var answering = upstream;
        report.FirstEvent = upstream.FirstEvent;
        report.Status = upstream.Status;
        report.UpstreamId = UpstreamId.Of(upstream.Headers);
        using var ids = request.Operation == Operation.Responses && !upstream.IsPacked ? services.Responses.RewriterFor(target, request) : null;
        var counts = StreamUsage.IsAddedTo(request, target) ? new UsageChunkFilter() : null;
        var (end, usage) = await AnswerRelay.RelayAsync(
            upstream, request.Operation, ids, counts, answer, report, clock, target.Provider.IdleTimeout, target.Provider.Name).ConfigureAwait(false);

        if (usage is { IsEstimated: true } rough)
        {
            usage = rough with { Input = request.Head.EstimatedInput };
        }

        // What a stored response once used was counted when it was made.
        report.Usage = request.Stored is null ? usage : null;
        if (report.Usage is { } counted)
        {
            route.State.Observe(counted.Output);
            report.Cost = target.CostOf(counted);
        }

        permit.Release(
            end is RelayEnd.Complete ? AdmissionSignal.Success : AdmissionSignal.Neutral,
            upstream.IsStream ? upstream.FirstEvent : null,
            report.Usage is { } real ? (int)Math.Min(real.Total, int.MaxValue) : null);
        switch (end)
        {
            case RelayEnd.ClientGone:
                report.ClientLeft();
                break;
            case RelayEnd.BrokenOff or RelayEnd.Silent:
                report.FailedBy = end == RelayEnd.Silent ? "stream_silent" : "stream_broken";
                target.State.CountFailure();
                LogBroken(services.Logger, target.Name, end);
                break;
        }
    }

    [LoggerMessage(EventId = 211, EventName = "AttemptFailed", Level = LogLevel.Information, Message = "Attempt {Attempt} at {Deployment} failed: {Class} (status {Status})")]
    private static partial void LogAttemptFailed(ILogger logger, string deployment, FailureClass @class, int status, int attempt);

    [LoggerMessage(EventId = 212, EventName = "AnswerBroken", Level = LogLevel.Warning, Message = "An answer of {Deployment} was not whole: {End}")]
    private static partial void LogBroken(ILogger logger, string deployment, RelayEnd end);
}
