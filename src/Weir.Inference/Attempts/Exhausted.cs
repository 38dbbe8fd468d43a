using Weir.Flow.Admission;
using Weir.Inference.Routing;

namespace Weir.Inference.Attempts;

/// <summary>What the client is told when no attempt is left to make.</summary>
internal static class Exhausted
{
    private static readonly TimeSpan WhilePaused = TimeSpan.FromSeconds(15);

    /// <summary>Nothing is left to try: the last failure speaks, or what keeps everybody out.</summary>
    public static InferenceError Explain(RouteModel route, Trail trail, TimeSpan remaining)
    {
        if (remaining <= TimeSpan.Zero)
        {
            return Deadline(trail.Last?.Message ?? "The deadline passed.");
        }

        if (trail.Last is not { } last)
        {
            return Closed(route, trail);
        }

        var tried = trail.Attempts == 1 ? "1 attempt" : $"{trail.Attempts} attempts";
        var text = $"{last.Message}{(last.Message.EndsWith('.') ? "" : ".")} No deployment of '{route.Name}' is left to try after {tried}.";
        return last.Class switch
        {
            FailureClass.RateLimited => new InferenceError(429, "rate_limited", text) { RetryAfter = Pause(route.Deployments) ?? last.RetryAfter },
            FailureClass.KeyRefused or FailureClass.DeploymentRefused =>
                new InferenceError(502, "provider_refused", text) { ShouldRetry = false },
            FailureClass.Absent => new InferenceError(404, "model_not_found", text) { Param = "model", ShouldRetry = false },
            FailureClass.Timeout => new InferenceError(504, "provider_timeout", text) { ShouldRetry = false },
            FailureClass.Unavailable => new InferenceError(last.Status is >= 500 and < 600 ? last.Status : 503, "provider_unavailable", text) { RetryAfter = last.RetryAfter },
            FailureClass.Broken => new InferenceError(502, "provider_broken", text) { ShouldRetry = false },
            _ => new InferenceError(502, "provider_unreachable", text),
        };
    }

    /// <summary>Null where the lane was paused: another deployment, or another time, is still worth looking for.</summary>
    public static InferenceError? Explain(DeploymentModel target, AdmissionRefusal refusal) => refusal.Reason switch
    {
        RefusalReason.QueueFull => new InferenceError(429, "overloaded", $"The queue for '{target.Name}' is full. Come back later, or raise its limits.")
        {
            RetryAfter = refusal.RetryAfter,
        },
        RefusalReason.Shed => new InferenceError(429, "overloaded", $"The queue for '{target.Name}' is full, and a request of higher priority took this one's place.")
        {
            RetryAfter = refusal.RetryAfter,
        },
        RefusalReason.Closed => new InferenceError(503, "draining", "The server is stopping: send this to another replica or try again.") { RetryAfter = refusal.RetryAfter },
        RefusalReason.Deadline => Deadline($"The deadline passed while the request waited for its turn at '{target.Name}'."),
        _ => null,
    };

    public static InferenceError Deadline(string what) =>
        new(504, "deadline_exceeded", $"{what} Allow more time with x-weir-timeout or the route's timeout.") { ShouldRetry = false };

    // Nobody may use any deployment now, and this request has tried none.
    private static InferenceError Closed(RouteModel route, Trail trail)
    {
        var left = route.Deployments.Where((_, i) => !trail.HasFailed(i)).ToList();
        var open = left.FindAll(deployment => deployment.State.Provider.Switch.IsOn);
        if (open.Count == 0 && left.Count > 0)
        {
            return Paused(left, route.Name);
        }

        if (open.Count == 0 && trail.Inexpressible is { } inexpressible)
        {
            return inexpressible;
        }

        if (open.All(deployment => deployment.State.IsRefused))
        {
            return new InferenceError(502, "provider_refused", $"Every provider of '{route.Name}' refuses its key: check their api_key settings.") { ShouldRetry = false };
        }

        if (Pause(open) is { } pause)
        {
            return new InferenceError(429, "rate_limited", $"Every deployment of '{route.Name}' has been asked to pause by its provider, for longer than this request may wait.")
            {
                RetryAfter = pause,
            };
        }

        return new InferenceError(503, "circuit_open", $"Every deployment of '{route.Name}' has failed too often and rests for a moment.")
        {
            RetryAfter = open.Min(deployment => deployment.State.Breaker.OpenFor),
        };
    }

    private static InferenceError Paused(List<DeploymentModel> left, string route)
    {
        var providers = string.Join(", ", left.Select(deployment => $"'{deployment.Provider.Name}'").Distinct(StringComparer.Ordinal));
        return new InferenceError(503, "provider_paused", $"An operator has paused every provider of '{route}' that could serve this: {providers}. POST /v1/providers/NAME/resume ends a pause.")
        {
            RetryAfter = WhilePaused,
        };
    }

    private static TimeSpan? Pause(IReadOnlyCollection<DeploymentModel> deployments)
    {
        var paused = deployments.Where(deployment => deployment.State.Provider.Switch.IsOn)
            .Select(deployment => deployment.State.Lane.PausedFor).Where(pause => pause > TimeSpan.Zero).ToList();
        return paused.Count == 0 ? null : paused.Min();
    }
}
