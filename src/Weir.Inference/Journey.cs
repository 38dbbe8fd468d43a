using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Weir.Flow.Admission;
using Weir.Inference.Attempts;
using Weir.Inference.Capturing;
using Weir.Inference.Dialects;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Responses;
using Weir.Inference.Routing;
using Weir.Inference.Routing.Balancing;

namespace Weir.Inference;

/// <summary>What every journey uses.</summary>
internal sealed record JourneyServices(
    DeploymentPicker Picker, RetryPolicy Retries, ResponseDirectory Responses, InferenceMetrics Metrics, TimeProvider Time, ILogger<InferencePipeline> Logger)
{
    public AttemptClocks Clocks { get; } = new(Time);
}

/// <summary>
/// One request on its way through a route: a deployment, admission, an attempt; again elsewhere or later as the class of a failure
/// says; then the relay. Nothing is tried again once a byte of an answer has gone to the client.
/// </summary>
internal sealed partial class Journey(
    JourneyServices services, RouteModel route, InferenceRequest request, IAnswer answer, InferenceReport report, long started, CancellationToken clientGone)
{
    private readonly Trail _trail = new();

    // Of the attempt under way; null where nobody listens.
    private Activity? _span;

    // The request as the last deployment that was chosen takes it; null where that is what the client sent.
    private TranslatedRequest? _translated;

    // What a failure that ended the journey leaves to be said; null: the client has left, or has been answered.
    private InferenceError? _final;

    // Queueing, waits and attempts all count against it.
    private TimeSpan Remaining => (request.Timeout ?? route.Timeout) - services.Time.GetElapsedTime(started);

    /// <returns>Null: answered, or nobody is left to answer.</returns>
    public async ValueTask<InferenceError?> RunAsync()
    {
        try
        {
            while (true)
            {
                var (target, again) = Choose();
                if (target is null)
                {
                    return Exhausted.Explain(route, _trail, Remaining);
                }

                await WaitAsync(again.Wait).ConfigureAwait(false);
                report.At(target);
                switch (Express(target, out var inexpressible))
                {
                    case Rendition.Impossible when inexpressible!.Status == 422:
                        Fail(target, new Failure(FailureClass.Inexpressible, inexpressible.Message) { Error = inexpressible });
                        continue;
                    case Rendition.Impossible:
                        return inexpressible;
                    case Rendition.Estimated:
                        await EstimateAsync().ConfigureAwait(false);
                        return null;
                }

                var asked = services.Time.GetTimestamp();
                var admission = await target.State.Lane.EnterAsync(Ticket(again), clientGone).ConfigureAwait(false);
                if (admission.Refusal is { } refusal)
                {
                    report.Queued += services.Time.GetElapsedTime(asked);
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

                using var clock = services.Clocks.Start(Remaining, clientGone);
                var outcome = Came(target, clock, await SendAsync(target, clock).ConfigureAwait(false));
                if (outcome.Failure is { } missing && TurnsOutWithoutResponses(target, missing, clock))
                {
                    outcome = await AskForChatAsync(target, clock, missing.Status).ConfigureAwait(false);
                }

                if (outcome.Answer is { } upstream)
                {
                    pass.Succeeded();
                    target.State.Answered();
                    await RelayAsync(target, upstream, clock, permit).ConfigureAwait(false);
                    return null;
                }

                target.State.Failed(outcome.Failure!, pass, permit, isRepeat: again.Deployment >= 0);
                if (await ConcludeAsync(target, outcome.Failure!).ConfigureAwait(false))
                {
                    return _final;
                }

                Note(target, outcome.Failure!);
            }
        }
        finally
        {
            _translated?.Dispose();
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

    // Before anybody waits: what a deployment's dialect cannot say is the next one's to answer, and touches neither breaker nor budget.
    private Rendition Express(DeploymentModel target, out InferenceError? error)
    {
        error = null;
        var rendition = Translations.Of(request, target, out var translation);
        if (rendition == Rendition.Verbatim || _translated?.Target == target.Name)
        {
            return rendition;
        }

        _translated?.Dispose();
        _translated = null;
        if (translation is null)
        {
            error = rendition == Rendition.Impossible ? Impossible(target) : null;
            return rendition;
        }

        (_translated, error) = TranslatedRequest.Make(translation, request, route, target);
        return error is null ? rendition : Rendition.Impossible;
    }

    private InferenceError Impossible(DeploymentModel target) =>
        request.Pin is null ? Translations.Impossible(request.Operation, target) : ResponseDirectory.Unsupported(target, request);

    // Chat is asked for instead, at once: that is no retry, and nothing is held against the deployment.
    private bool TurnsOutWithoutResponses(DeploymentModel target, Failure failure, AttemptClock clock)
    {
        if (request.Operation != Operation.Responses || request.Pin is not null || target.Provider.HasResponses || Asked(target) is not null
            || ResponseDirectory.AbsenceOf(failure, pin: null) != Absence.Api)
        {
            return false;
        }

        target.State.Provider.Responses.Set();
        return !clock.Token.IsCancellationRequested;
    }

    private async ValueTask<AttemptOutcome> AskForChatAsync(DeploymentModel target, AttemptClock clock, int status) =>
        Express(target, out var inexpressible) == Rendition.Translated
            ? Came(target, clock, await SendAsync(target, clock).ConfigureAwait(false))
            : new AttemptOutcome(new Failure(FailureClass.Inexpressible, inexpressible!.Message) { Status = status, Error = inexpressible });

    private ValueTask WaitAsync(TimeSpan wait) => wait > TimeSpan.Zero ? new(Task.Delay(wait, services.Time, clientGone)) : default;

    private async ValueTask EstimateAsync()
    {
        report.Status = 200;
        var body = MessageTokens.Answer(request.Body.Span);
        answer.Begin(new AnswerHead(200, "application/json", body.Length, report));
        await answer.Body.WriteAsync(body, clientGone).ConfigureAwait(false);
    }

    private AdmissionTicket Ticket(RetryDecision again) => new(
        request.Priority,
        // What a provider keeps was made and paid for before, and counting makes nothing.
        request.Stored is null && request.Operation != Operation.CountTokens ? request.Head.EstimatedInput + route.State.MeanOutput : 0,
        Remaining,
        again.AtHead,
        LeavesOnPause: again.Deployment < 0 && route.Deployments.Length > 1,
        IsBackground: request.IsBackground);

    // A deployment that speaks the client's dialect may have been chosen after one that does not.
    private TranslatedRequest? Asked(DeploymentModel target) => _translated?.Target == target.Name ? _translated : null;

    private ValueTask<AttemptOutcome> SendAsync(DeploymentModel target, AttemptClock clock)
    {
        _trail.Attempts++;
        report.Attempts++;
        target.State.Provider.Budget.CountRequest();
        target.State.Sent();
        _span = InferenceTracing.StartAttempt(target, request, _trail.Attempts, report.Queued);
        return Attempt.SendAsync(target, request, clock, services.Time, Asked(target));
    }

    private AttemptOutcome Came(DeploymentModel target, AttemptClock clock, AttemptOutcome outcome)
    {
        if (route.Balance == Balance.Latency)
        {
            Measure(target, outcome, clock);
        }

        if (outcome.Failure is { } failure)
        {
            services.Metrics.Failed(target, request, failure.Class, route.IsConfigured, clock.Elapsed);
            InferenceTracing.Failed(_span, failure);
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
        else if (outcome.Failure.Class == FailureClass.Deadline)
        {
            target.State.Latency.Waited(clock.Elapsed);
        }
    }

    // Whether a failure ends the journey.
    private async ValueTask<bool> ConcludeAsync(DeploymentModel target, Failure failure)
    {
        report.UpstreamId = failure.UpstreamId ?? report.UpstreamId;
        switch (failure.Class)
        {
            case FailureClass.Cancelled:
                report.ClientLeft();
                return true;
            case FailureClass.Deadline:
                _final = Exhausted.Deadline(failure.Message);
                return true;
        }

        if (request.Pin is { } pin)
        {
            switch (ResponseDirectory.AbsenceOf(failure, pin))
            {
                case Absence.Api:
                    _final = ResponseDirectory.Unsupported(target, request);
                    return true;
                case Absence.Response:
                    _final = await PassOnAsync(target, ResponseDirectory.Rename(failure, pin)).ConfigureAwait(false);
                    return true;
            }

            failure = failure.Class == FailureClass.Client ? ResponseDirectory.Rename(failure, pin) : failure;
        }

        if (failure.Class != FailureClass.Client)
        {
            return false;
        }

        _final = await PassOnAsync(target, failure).ConfigureAwait(false);
        return true;
    }

    // The provider's answer is the client's; where there is nothing of it to pass on, we say what it was.
    private async ValueTask<InferenceError?> PassOnAsync(DeploymentModel target, Failure failure)
    {
        report.Status = failure.Status;
        report.FailedBy = "client";
        report.ClientAtFault = true;
        if (failure.Body.IsEmpty || target.Provider.Dialect != request.Operation.Dialect)
        {
            return ProviderError.Parse(failure.Body.Span).ToInferenceError(failure);
        }

        answer.Begin(new AnswerHead(failure.Status, failure.ContentType, failure.Body.Length, report));
        await answer.Body.WriteAsync(failure.Body, clientGone).ConfigureAwait(false);
        return null;
    }

    private void Note(DeploymentModel target, Failure failure)
    {
        LogAttemptFailed(services.Logger, target.Name, failure.Class, failure.Status, _trail.Attempts);
        Fail(target, failure);
    }

    private void Fail(DeploymentModel target, Failure failure)
    {
        var ready = services.Time.GetTimestamp() + (long)(services.Retries.Backoff(failure, _trail).TotalSeconds * services.Time.TimestampFrequency);
        _trail.Failed(Array.IndexOf(route.Deployments, target), route.Deployments.Length, failure, ready);
    }

    private async ValueTask RelayAsync(DeploymentModel target, UpstreamAnswer upstream, AttemptClock clock, AdmissionPermit permit)
    {
        using var answering = upstream;
        using var span = _span;
        report.FirstEvent = upstream.FirstEvent;
        report.Status = upstream.Status;
        report.UpstreamId = UpstreamId.Of(upstream.Headers);
        if (Asked(target) is { } translated)
        {
            report.Dropped = translated.Dropped;
            var relay = new TranslatedRelay(translated.Operation, request.Operation, target, answer, clock);
            Settle(target, upstream, clock, permit, await relay.RelayAsync(upstream, translated.BeginAnswer(services.Time.GetUtcNow()), report).ConfigureAwait(false));
            return;
        }

        using var ids = request.Operation == Operation.Responses && !upstream.IsPacked ? services.Responses.RewriterFor(target, request) : null;
        var counts = StreamUsage.IsAddedTo(request, target) ? new UsageChunkFilter() : null;
        Settle(target, upstream, clock, permit, await AnswerRelay.RelayAsync(
            upstream, request.Operation, ids, counts, answer, report, clock, target.Provider.IdleTimeout, target.Provider.Name).ConfigureAwait(false));
    }

    private void Settle(DeploymentModel target, UpstreamAnswer upstream, AttemptClock clock, AdmissionPermit permit, (RelayEnd End, TokenUsage? Usage) relayed)
    {
        var (end, usage) = relayed;
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
            case RelayEnd.BrokenOff or RelayEnd.Silent or RelayEnd.Failed:
                report.FailedBy = end switch { RelayEnd.Silent => "stream_silent", RelayEnd.Failed => "stream_failed", _ => "stream_broken" };
                target.State.CountFailure();
                LogBroken(services.Logger, target.Name, end);
                break;
        }

        services.Metrics.Answered(target, request, report, end, upstream.IsStream ? upstream.FirstEvent : null, clock.Elapsed);
        InferenceTracing.Answered(_span, report, upstream);
    }

    [LoggerMessage(EventId = 211, EventName = "AttemptFailed", Level = LogLevel.Information, Message = "Attempt {Attempt} at {Deployment} failed: {Class} (status {Status})")]
    private static partial void LogAttemptFailed(ILogger logger, string deployment, FailureClass @class, int status, int attempt);

    [LoggerMessage(EventId = 212, EventName = "AnswerBroken", Level = LogLevel.Warning, Message = "An answer of {Deployment} was not whole: {End}")]
    private static partial void LogBroken(ILogger logger, string deployment, RelayEnd end);
}
