using Weir.Inference.Load;
using Weir.Inference.Providers;
using Weir.Inference.Routing;

namespace Weir.Inference.Attempts;

/// <summary>What to do when no deployment is left that has not failed this request.</summary>
/// <param name="Deployment">The index of the deployment to send to again; −1: give up.</param>
/// <param name="Wait">How long to wait before that.</param>
/// <param name="AtHead">The request was admitted before and goes back to the head of the queue.</param>
internal readonly record struct RetryDecision(int Deployment, TimeSpan Wait, bool AtHead)
{
    public static readonly RetryDecision GiveUp = new(-1, default, false);
}

/// <summary>
/// The one place that decides about retries. The class of a failure alone says whether the same deployment may be tried again,
/// how often and after how long; the provider's budget bounds the retries of all its requests together.
/// </summary>
internal sealed class RetryPolicy(TimeProvider time, Random random, LoadProfiles load)
{
    private static readonly TimeSpan NetworkStep = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan UnavailableStep = TimeSpan.FromSeconds(1);

    // While somebody else's request probes a half-open breaker, its outcome is awaited in steps of this length.
    private static readonly TimeSpan ProbeStep = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a deployment that failed this request is left alone by it: full jitter for the network, else what the provider asks.</summary>
    /// <remarks>Full jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.</remarks>
    public TimeSpan Backoff(Failure failure, Trail trail) => failure.Class switch
    {
        FailureClass.Network => random.NextDouble() * Math.Pow(2, trail.RetriesOf(FailureClass.Network)) * load.Current.RetryWaits * NetworkStep,
        FailureClass.Unavailable => failure.RetryAfter ?? UnavailableStep * load.Current.RetryWaits,
        _ => TimeSpan.Zero,
    };

    /// <summary>Chooses, among deployments that have failed this request or that nobody may use now, the one that is ready first.</summary>
    /// <param name="route">The deployments.</param>
    /// <param name="trail">What the request has met; the retry that is decided on is counted there and against the budget.</param>
    /// <param name="remaining">What is left of the deadline: a wait past it is not begun.</param>
    public RetryDecision Decide(RouteModel route, Trail trail, TimeSpan remaining)
    {
        var best = RetryDecision.GiveUp;
        for (var i = 0; i < route.Deployments.Length; i++)
        {
            if (WaitFor(route.Deployments[i], i, trail) is { } wait && (best.Deployment < 0 || wait < best.Wait))
            {
                best = new RetryDecision(i, wait, trail.FailureAt(i)?.Class == FailureClass.RateLimited);
            }
        }

        if (best.Deployment < 0 || best.Wait >= remaining)
        {
            return RetryDecision.GiveUp;
        }

        var deployment = route.Deployments[best.Deployment];
        var kind = trail.FailureAt(best.Deployment)?.Class;
        if (kind is FailureClass.Network or FailureClass.Unavailable && !deployment.State.Provider.Budget.TrySpend())
        {
            return RetryDecision.GiveUp;
        }

        if (kind is { } again)
        {
            trail.CountRetry(again);
        }

        // A paused lane holds its waiters itself, in their order.
        return deployment.State.Lane.PausedFor > TimeSpan.Zero ? best with { Wait = TimeSpan.Zero } : best;
    }

    // Null: never again in this request.
    private TimeSpan? WaitFor(DeploymentModel deployment, int index, Trail trail)
    {
        var state = deployment.State;
        if (state.IsRefused || !state.Provider.Switch.IsOn)
        {
            return null;
        }

        var failure = trail.FailureAt(index);
        if (failure is not null && trail.RetriesOf(failure.Class) >= load.Current.Most(Most(deployment.Provider.Retry, failure.Class)))
        {
            return null;
        }

        // A request that has not failed anywhere is not kept waiting for a breaker: it is told at once, and when to come back.
        if (failure is null && trail.Last is null && !state.Breaker.WouldPass)
        {
            return null;
        }

        var ready = TimeSpan.FromSeconds(Math.Max(0, (trail.ReadyAt(index) - time.GetTimestamp()) / (double)time.TimestampFrequency));
        var breaker = state.Breaker.WouldPass ? TimeSpan.Zero : Max(state.Breaker.OpenFor, ProbeStep);
        return Max(Max(ready, breaker), state.Lane.PausedFor);
    }

    private static int Most(RetrySettings settings, FailureClass kind) => kind switch
    {
        FailureClass.Network => settings.Network,
        FailureClass.Unavailable => settings.Unavailable,
        FailureClass.RateLimited => settings.RateLimited,
        _ => 0,
    };

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
