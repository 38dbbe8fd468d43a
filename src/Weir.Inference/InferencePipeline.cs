using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Weir.Flow.Admission;
using Weir.Flow.Breaking;
using Weir.Inference.Attempts;
using Weir.Inference.Models;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Responses;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>
/// The way of a request through the gateway: route, then admission and an attempt, again elsewhere or later as the class of a
/// failure says, then the relay. Nothing is tried again once a byte of an answer has gone to the client.
/// </summary>
public sealed partial class InferencePipeline
{
    private readonly ModelDirectory _directory;
    private readonly ResponseDirectory _responses;
    private readonly DeploymentPicker _picker;
    private readonly RetryPolicy _retries;
    private readonly InferenceMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<InferencePipeline> _logger;

    internal InferencePipeline(
        ModelDirectory directory, ResponseDirectory responses, DeploymentPicker picker, RetryPolicy retries, InferenceMetrics metrics, TimeProvider time, ILogger<InferencePipeline> logger)
    {
        _directory = directory;
        _responses = responses;
        _picker = picker;
        _retries = retries;
        _metrics = metrics;
        _time = time;
        _logger = logger;
    }

    /// <summary>Serves one request to its end.</summary>
    /// <returns>What became of it. Where <see cref="InferenceReport.Error"/> is set, nothing has been written to <paramref name="answer"/>.</returns>
    public async ValueTask<InferenceReport> RunAsync(InferenceRequest request, IAnswer answer, CancellationToken clientGone)
    {
        var started = _time.GetTimestamp();
        var report = new InferenceReport();
        try
        {
            var (route, error) = request.Stored is { } call
                ? _responses.Locate(request, call)
                : await _directory.ResolveAsync(request.Head.Model, request.MayUse, clientGone).ConfigureAwait(false);
            if (error is null && request is { Stored: null, Operation: var operation } && operation == Operation.Responses)
            {
                (route, error) = _responses.Narrow(route!, request);
            }

            report.Route = route?.Name;
            report.IsConfigured = route?.IsConfigured ?? false;
            report.Error = error ?? await ServeAsync(route!, request, answer, report, started, clientGone).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (clientGone.IsCancellationRequested)
        {
            report.FailedBy = ClientLeft;
            report.Status = 499;
        }

        if (report.Error is { } refused)
        {
            report.Status = refused.Status;
            report.FailedBy ??= refused.Code;
        }

        _metrics.Served(request, report, _time.GetElapsedTime(started));
        return report;
    }

    private const string ClientLeft = "client_left";

    // Null: answered, or nobody is left to answer.
    private async ValueTask<InferenceError?> ServeAsync(
        RouteModel route, InferenceRequest request, IAnswer answer, InferenceReport report, long started, CancellationToken clientGone)
    {
        var timeout = request.Timeout ?? route.Timeout;
        var trail = new Trail();
        while (true)
        {
            var remaining = timeout - _time.GetElapsedTime(started);
            var target = _picker.Pick(route, trail);
            var again = RetryDecision.GiveUp;
            if (target is null)
            {
                again = _retries.Decide(route, trail, remaining);
                if (again.Deployment < 0)
                {
                    return Exhausted.Explain(route, trail, remaining);
                }

                if (again.Wait > TimeSpan.Zero)
                {
                    await Task.Delay(again.Wait, _time, clientGone).ConfigureAwait(false);
                    remaining = timeout - _time.GetElapsedTime(started);
                }

                target = route.Deployments[again.Deployment];
            }

            Describe(report, target);
            var ticket = new AdmissionTicket(
                request.Priority,
                request.Stored is null ? request.Head.EstimatedInput + route.State.MeanOutput : 0,
                remaining,
                again.AtHead,
                LeavesOnPause: again.Deployment < 0 && route.Deployments.Length > 1);
            var admission = await target.State.Lane.EnterAsync(ticket, clientGone).ConfigureAwait(false);
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

            trail.Attempts++;
            report.Attempts++;
            using var clock = new AttemptClock(_time, timeout - _time.GetElapsedTime(started), clientGone);
            var outcome = await AttemptAsync(target, request, clock).ConfigureAwait(false);
            if (outcome.Answer is { } upstream)
            {
                using (upstream)
                {
                    pass.Succeeded();
                    target.State.Answered();
                    await RelayAsync(route, target, request, upstream, answer, report, clock, permit).ConfigureAwait(false);
                }

                return null;
            }

            var failure = outcome.Failure!;
            Settle(target, failure, pass, permit);
            report.UpstreamId = failure.UpstreamId ?? report.UpstreamId;
            if (failure.Class == FailureClass.Cancelled)
            {
                report.FailedBy = ClientLeft;
                report.Status = 499;
                return null;
            }

            if (failure.Class is FailureClass.Deadline)
            {
                return Exhausted.Deadline(failure.Message);
            }

            if (request.Pin is { } pin && ResponseDirectory.AbsenceOf(failure, pin) is not Absence.None and not Absence.Model and var absence)
            {
                if (absence == Absence.Api)
                {
                    return ResponseDirectory.Unsupported(target, request);
                }

                await PassOnAsync(ResponseDirectory.Rename(failure, pin), answer, report, clientGone).ConfigureAwait(false);
                return null;
            }

            if (failure.Class == FailureClass.Client)
            {
                failure = request.Pin is { } pinned ? ResponseDirectory.Rename(failure, pinned) : failure;
                await PassOnAsync(failure, answer, report, clientGone).ConfigureAwait(false);
                return null;
            }

            LogAttemptFailed(target.Name, failure.Class, failure.Status, trail.Attempts);
            Note(route, target, trail, failure);
        }
    }

    private async ValueTask<AttemptOutcome> AttemptAsync(DeploymentModel target, InferenceRequest request, AttemptClock clock)
    {
        target.State.Provider.Budget.CountRequest();
        using var activity = InferenceTracing.StartAttempt(target, request);
        var outcome = await Attempt.SendAsync(target, request, clock, _time).ConfigureAwait(false);
        _metrics.Attempted(target, outcome.Failure?.Class);
        InferenceTracing.End(activity, outcome);
        return outcome;
    }

    private async ValueTask RelayAsync(
        RouteModel route, DeploymentModel target, InferenceRequest request, UpstreamAnswer upstream, IAnswer answer, InferenceReport report, AttemptClock clock, AdmissionPermit permit)
    {
        report.FirstEvent = upstream.FirstEvent;
        report.Status = upstream.Status;
        report.UpstreamId = UpstreamId.Of(upstream.Headers);
        using var ids = request.Operation == Operation.Responses && !upstream.IsPacked ? _responses.RewriterFor(target, request) : null;
        var (end, usage) = await AnswerRelay.RelayAsync(
            upstream, request.Operation, ids, answer, report, clock, target.Provider.IdleTimeout, target.Provider.Name).ConfigureAwait(false);

        // What a stored response once used was counted when it was made.
        usage = request.Stored is null ? usage : null;
        report.Usage = usage;
        if (usage is { } counted)
        {
            route.State.Observe(counted.Output);
            report.Cost = target.CostOf(counted);
        }

        permit.Release(
            end is RelayEnd.Complete ? AdmissionSignal.Success : AdmissionSignal.Neutral,
            upstream.IsStream ? upstream.FirstEvent : null,
            usage is { } real ? (int)Math.Min(real.Total, int.MaxValue) : null);
        switch (end)
        {
            case RelayEnd.ClientGone:
                report.FailedBy = ClientLeft;
                break;
            case RelayEnd.BrokenOff:
            case RelayEnd.Silent:
                report.FailedBy = end == RelayEnd.Silent ? "stream_silent" : "stream_broken";
                target.State.CountFailure();
                LogBroken(target.Name, end);
                break;
        }
    }

    // What a failure means for everybody else who wants to use the deployment.
    private static void Settle(DeploymentModel target, Failure failure, BreakerPass pass, AdmissionPermit permit)
    {
        switch (failure.Class)
        {
            case FailureClass.Network or FailureClass.Unavailable or FailureClass.Timeout or FailureClass.Broken:
                pass.Failed();
                break;
            case FailureClass.Client:
                pass.Succeeded();
                target.State.Answered();
                break;
            default:
                pass.Ignored();
                break;
        }

        switch (failure.Class)
        {
            case FailureClass.RateLimited:
                target.State.Throttle(failure.RetryAfter);
                break;
            case FailureClass.KeyRefused:
                target.State.Key.Refusal.Mark();
                break;
            case FailureClass.DeploymentRefused:
                target.State.Refusal.Mark();
                break;
        }

        var signal = failure.Class switch
        {
            FailureClass.RateLimited => AdmissionSignal.Throttled,
            FailureClass.Client => AdmissionSignal.Success,
            FailureClass.Cancelled or FailureClass.Deadline or FailureClass.Absent => AdmissionSignal.Neutral,
            _ => AdmissionSignal.Failure,
        };
        // Whoever was turned away used no tokens; of an attempt that was cut off nobody knows, so its estimate stays.
        permit.Release(signal, actualTokens: failure.Status > 0 ? 0 : null);
    }

    private void Note(RouteModel route, DeploymentModel target, Trail trail, Failure failure)
    {
        var ready = _time.GetTimestamp() + (long)(_retries.Backoff(failure, trail).TotalSeconds * _time.TimestampFrequency);
        trail.Failed(Array.IndexOf(route.Deployments, target), route.Deployments.Length, failure, ready);
    }

    private static async ValueTask PassOnAsync(Failure failure, IAnswer answer, InferenceReport report, CancellationToken clientGone)
    {
        report.Status = failure.Status;
        report.FailedBy = "client";
        report.ClientAtFault = true;
        answer.Begin(new AnswerHead(failure.Status, failure.ContentType, failure.Body.Length, report));
        await answer.Body.WriteAsync(failure.Body, clientGone).ConfigureAwait(false);
    }

    private static void Describe(InferenceReport report, DeploymentModel target)
    {
        report.Deployment = target.Name;
        report.Provider = target.Provider.Name;
        report.Model = target.Model;
    }

    [LoggerMessage(EventId = 211, EventName = "AttemptFailed", Level = LogLevel.Information, Message = "Attempt {Attempt} at {Deployment} failed: {Class} (status {Status})")]
    private partial void LogAttemptFailed(string deployment, FailureClass @class, int status, int attempt);

    [LoggerMessage(EventId = 212, EventName = "AnswerBroken", Level = LogLevel.Warning, Message = "An answer of {Deployment} was not whole: {End}")]
    private partial void LogBroken(string deployment, RelayEnd end);
}
