using Weir.Flow.Admission;
using Weir.Flow.Breaking;
using Weir.Flow.Measuring;
using Weir.Inference.Measuring;
using Weir.Inference.Providers;
using Weir.Inference.Routing;

namespace Weir.Inference.Status;

/// <summary>Live state for those who look: each read is a set of snapshots, and holds nobody up for longer than one of them.</summary>
public sealed class GatewayStatus
{
    private readonly RouteTables _tables;

    internal GatewayStatus(RouteTables tables) => _tables = tables;

    /// <summary>Providers by name.</summary>
    /// <param name="mayUse">Whether the asker may use a model name; null: all. A provider of which it may use nothing is left out.</param>
    public IReadOnlyList<ProviderStatus> ReadProviders(Func<string, bool>? mayUse)
    {
        var table = _tables.Current;
        var routed = mayUse is null ? [] : table.Routes.Values.Where(route => mayUse(route.Name))
            .SelectMany(route => route.Deployments).Select(deployment => deployment.State).ToHashSet();
        return [.. table.Providers.Values
            .OrderBy(provider => provider.Name, StringComparer.Ordinal)
            .Select(provider => Read(provider, table.States[provider.Name], state => mayUse is null || routed.Contains(state) || mayUse(state.Lane.Name)))
            .Where(provider => mayUse is null || provider.Deployments.Count > 0)];
    }

    /// <summary>Configured routes by name; those that the asker may not use are left out.</summary>
    public IReadOnlyList<RouteStatus> ReadRoutes(Func<string, bool>? mayUse) =>
        [.. _tables.Current.Routes.Values
            .Where(route => mayUse?.Invoke(route.Name) ?? true)
            .OrderBy(route => route.Name, StringComparer.Ordinal)
            .Select(Read)];

    /// <summary>What is on its way now, and which breakers are not closed.</summary>
    public GatewayPulse ReadPulse()
    {
        int inFlight = 0, queued = 0;
        var breakers = new Dictionary<string, long>(StringComparer.Ordinal);
        var broken = new HashSet<string>(StringComparer.Ordinal);
        foreach (var provider in _tables.Current.Providers.Values)
        {
            foreach (var deployment in _tables.DeploymentsOf(provider.Name))
            {
                inFlight += deployment.Lane.InFlight;
                queued += deployment.Lane.Queued;
                var name = deployment.Lane.Name;
                breakers[name] = breakers.GetValueOrDefault(name) + deployment.Breaker.Opened;
                if (deployment.Breaker.State != BreakerState.Closed)
                {
                    broken.Add(name);
                }
            }
        }

        return new GatewayPulse(inFlight, queued, broken, breakers);
    }

    internal static LatencyStatus? Of(IReadOnlyList<LatencyHistogram> histograms) =>
        LatencyHistogram.Summarize(histograms) is { Count: > 0 } sum
            ? new LatencyStatus(sum.Count, Math.Round(sum.P50.TotalMilliseconds, 2), Math.Round(sum.P95.TotalMilliseconds, 2), Math.Round(sum.P99.TotalMilliseconds, 2))
            : null;

    private ProviderStatus Read(ProviderModel provider, ProviderState state, Func<DeploymentState, bool> isVisible)
    {
        var deployments = _tables.DeploymentsOf(provider.Name).ToList();
        var gates = provider.Keys.Select(key => _tables.KeyOf(provider.Name, key)).ToList();
        return new ProviderStatus
        {
            Name = provider.Name,
            Dialect = provider.Dialect,
            BaseUrl = new Uri(provider.BaseUrl).GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped),
            Paused = state.Switch.Pause,
            RetriesLeft = state.Budget.Remaining,
            Connections = new ConnectionSettingsStatus(provider.Connections.Max, provider.Connections.Idle, provider.Connections.Lifetime, provider.Connections.Http2),
            Keys = [.. gates.Select((key, i) => key is null ? null : Read(key, i, provider.Limits)).OfType<KeyStatus>()],
            Deployments = [.. deployments.Where(isVisible)
                .Select(deployment => Read(deployment, gates.IndexOf(deployment.Key)))
                .OrderBy(deployment => deployment.Name, StringComparer.Ordinal).ThenBy(deployment => deployment.Key)],
        };
    }

    private static KeyStatus Read(KeyState key, int index, AdmissionLimits limits)
    {
        var gate = key.Gate.Snapshot();
        return new KeyStatus
        {
            Index = index,
            Fingerprint = key.Fingerprint,
            RefusedFor = Some(key.Refusal.RestsFor),
            InFlight = gate.InFlight,
            Queued = gate.Queued,
            Limit = gate.Limit,
            Limits = new LimitStatus(
                limits.MaxConcurrency, limits.StartConcurrency, limits.RequestsPerMinute, limits.TokensPerMinute, limits.Queue, limits.LatencyTarget),
            RequestsLastMinute = limits.RequestsPerMinute is null ? null : gate.RequestsLastMinute,
            TokensLastMinute = limits.TokensPerMinute is null ? null : gate.TokensLastMinute,
            NotAdmitted = new Dictionary<string, long>
            {
                ["queue_full"] = gate.Totals.QueueFull,
                ["shed"] = gate.Totals.Shed,
                ["deadline"] = gate.Totals.Deadline,
                ["paused"] = gate.Totals.Paused,
                ["closed"] = gate.Totals.Closed,
                ["cancelled"] = gate.Totals.Cancelled,
            },
        };
    }

    private static DeploymentStatus Read(DeploymentState deployment, int key)
    {
        var why = Why(deployment);
        var recent = deployment.Meter.Recent();
        return new DeploymentStatus
        {
            Name = deployment.Lane.Name,
            Key = key,
            Usable = why is null,
            Why = why,
            Breaker = new BreakerStatus(deployment.Breaker.State, Some(deployment.Breaker.OpenFor), deployment.Breaker.Opened),
            ThrottledFor = deployment.Provider.Switch.IsShut ? null : Some(deployment.Lane.PausedFor),
            RefusedFor = Some(deployment.Refusal.RestsFor),
            InFlight = deployment.Lane.InFlight,
            Queued = deployment.Lane.Queued,
            Limit = deployment.Lane.Limit,
            Recent = Read(recent),
            Attempts = Counts(deployment.Meter.Total),
        };
    }

    private static TrafficStatus Read(IReadOnlyList<TrafficMinute> minutes)
    {
        var tokens = minutes.Sum(minute => minute.Generated.Tokens);
        var duration = minutes.Sum(minute => minute.Generated.Duration.TotalSeconds);
        return new TrafficStatus
        {
            Attempts = Counts(outcome => minutes.Sum(minute => minute.CountOf(outcome))),
            Success = AttemptOutcomes.SuccessOf(minutes) is { } success ? Math.Round(success, 5) : null,
            FirstEvent = Of([.. minutes.Select(minute => minute.FirstEvents)]),
            Answer = Of([.. minutes.Select(minute => minute.Answers)]),
            InputTokens = minutes.Sum(minute => minute.InputTokens),
            OutputTokens = minutes.Sum(minute => minute.OutputTokens),
            TokensPerSecond = duration > 0 ? Math.Round(tokens / duration, 2) : null,
        };
    }

    private static RouteStatus Read(RouteModel route)
    {
        var all = route.Deployments.Select(deployment => (Model: deployment, Why: Why(deployment.State))).ToList();
        return new RouteStatus
        {
            Name = route.Name,
            Balance = route.Balance,
            Timeout = route.Timeout,
            Overflow = route.Overflow,
            MeanOutput = route.State.MeanOutput,
            Usable = all.Exists(entry => entry.Why is null),
            Deployments = [.. all.Select(entry => new RouteDeploymentStatus
            {
                Name = entry.Model.Name,
                Key = IndexOf(entry.Model),
                Order = entry.Model.Order,
                Weight = entry.Model.Weight,
                Usable = entry.Why is null,
                Why = entry.Why,
                Load = Math.Round(entry.Model.State.Lane.Load, 4),
            })],
        };
    }

    private static int IndexOf(DeploymentModel deployment) => deployment.Provider.Keys.ToList().IndexOf(deployment.State.Key.ApiKey);

    private static string? Why(DeploymentState deployment) =>
        !deployment.Provider.Switch.IsOn ? "paused"
        : !deployment.Key.Refusal.WouldPass ? "key_refused"
        : !deployment.Refusal.WouldPass ? "refused"
        : !deployment.Breaker.WouldPass ? "breaker"
        : deployment.Lane.PausedFor > TimeSpan.Zero ? "throttled"
        : null;

    // What never happened is left out.
    private static Dictionary<string, long> Counts(Func<int, long> of) =>
        AttemptOutcomes.Names.Select((name, i) => (name, Count: of(i))).Where(entry => entry.Count > 0).ToDictionary(entry => entry.name, entry => entry.Count);

    // To the millisecond, upwards: a rest that is not over is never shown as none.
    private static TimeSpan? Some(TimeSpan span) =>
        span > TimeSpan.Zero ? TimeSpan.FromMilliseconds(Math.Ceiling(span.TotalMilliseconds)) : null;
}

/// <summary>How the gateway is at a moment.</summary>
/// <param name="InFlight">Attempts under way.</param>
/// <param name="Queued">Requests that wait for admission.</param>
/// <param name="Broken">Deployments with a breaker that is open or half-open.</param>
/// <param name="Opened">How often the breakers of each deployment have opened.</param>
public sealed record GatewayPulse(int InFlight, int Queued, IReadOnlySet<string> Broken, IReadOnlyDictionary<string, long> Opened);
