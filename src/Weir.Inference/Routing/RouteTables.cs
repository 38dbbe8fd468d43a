using System.Collections.Concurrent;
using Weir.Flow.Admission;
using Weir.Flow.Breaking;
using Weir.Flow.Limits;
using Weir.Inference.Dialects;
using Weir.Inference.Limits;
using Weir.Inference.Measuring;
using Weir.Inference.Providers;

namespace Weir.Inference.Routing;

/// <summary>
/// Owns the current <see cref="RouteTable"/> and the states behind it. A new configuration makes a new table around the states
/// that still apply, so that connections, limits and breakers survive a reload; requests under way keep the table they began with.
/// </summary>
internal sealed class RouteTables : IDisposable
{
    // Models that no route names share one deployment state per provider and key beyond the bound, under this name.
    private const string OtherModels = "*";
    private const int MostDeployments = 8192;

    private readonly Lock _writing = new();
    private readonly TimeProvider _time;
    private readonly IPrepaidWindows? _windows;
    private readonly Dictionary<string, ProviderState> _providers = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Provider, string? Key), KeyState> _keys = [];
    private readonly ConcurrentDictionary<(string Provider, string? Key, string Model, LimitOptions? Limits), DeploymentState> _deployments = new();
    private readonly ConcurrentDictionary<string, RouteState> _routes = new(StringComparer.Ordinal);
    private volatile IReadOnlyDictionary<string, PriceOptions> _prices = new Dictionary<string, PriceOptions>();
    private volatile RouteTable _current = new([], [], new Dictionary<string, ProviderState>(), static (_, _) => throw new InvalidOperationException());

    /// <param name="time">The clock of all that it makes.</param>
    /// <param name="windows">Makes limits hold over all replicas together. Null: there is one.</param>
    public RouteTables(TimeProvider time, IPrepaidWindows? windows = null)
    {
        (_time, _windows) = (time, windows);
        if (windows is not null)
        {
            windows.ReplicasChanged += Divide;
        }
    }

    public RouteTable Current => _current;

    public ProviderSwitches Switches { get; } = new();

    /// <summary>Null where no such key is configured any more.</summary>
    public KeyState? KeyOf(string provider, string? key)
    {
        lock (_writing)
        {
            return _keys.GetValueOrDefault((provider, key));
        }
    }

    /// <summary>What has been used of one provider; deployments that nobody asked for yet have no state.</summary>
    public IEnumerable<DeploymentState> DeploymentsOf(string provider) =>
        _deployments.Where(entry => entry.Key.Provider == provider).Select(entry => entry.Value);

    /// <summary>Publishes a table for <paramref name="options"/>, which have been validated.</summary>
    public void Apply(InferenceOptions options)
    {
        lock (_writing)
        {
            var models = options.Providers.ToDictionary(
                entry => entry.Key, entry => ProviderModel.Resolve(entry.Key, entry.Value), StringComparer.Ordinal);
            _prices = options.Prices;
            foreach (var model in models.Values)
            {
                Prepare(model);
            }

            var routes = options.Routes.ToDictionary(entry => entry.Key, entry => Build(entry.Key, entry.Value, models), StringComparer.Ordinal);
            _current = new RouteTable(
                routes, models, models.Keys.ToDictionary(name => name, name => _providers[name], StringComparer.Ordinal), Direct);
            Retire(models, routes);
        }
    }

    public void Dispose()
    {
        if (_windows is not null)
        {
            _windows.ReplicasChanged -= Divide;
        }

        foreach (var provider in _providers.Values)
        {
            provider.Pool.Dispose();
        }

        foreach (var key in _keys.Values)
        {
            key.Gate.Dispose();
        }
    }

    private void Prepare(ProviderModel model)
    {
        if (!_providers.TryGetValue(model.Name, out var state) || state.Pool.Settings != model.Connections || state.Retry != model.Retry)
        {
            // The connections of an old pool end with the requests that use them.
            _providers[model.Name] = new ProviderState(
                model.Name,
                state is not null && state.Pool.Settings == model.Connections ? state.Pool : new ConnectionPool(model.Connections),
                new RetryBudget(model.Retry.Budget, model.Retry.BudgetFloor, TimeSpan.FromSeconds(10), _time),
                model.Retry,
                Switches.Of(model.Name),
                _time);
        }

        foreach (var key in model.Keys)
        {
            if (_keys.TryGetValue((model.Name, key), out var known))
            {
                known.Gate.Reconfigure(model.Limits);
            }
            else
            {
                _keys[(model.Name, key)] = new KeyState(key, new AdmissionGate(model.Limits, _time, windows: _windows, name: SharedName.OfKey(model.Name, key)), _time);
            }
        }
    }

    // Caps on what is in flight are each replica's part; gates and lanes work it out from the same limits.
    private void Divide()
    {
        lock (_writing)
        {
            foreach (var model in _current.Providers.Values)
            {
                foreach (var key in model.Keys)
                {
                    _keys[(model.Name, key)].Gate.Reconfigure(model.Limits);
                }
            }

            foreach (var (id, deployment) in _deployments)
            {
                deployment.Lane.Reconfigure(Narrowing(id.Limits));
            }
        }
    }

    private RouteModel Build(string name, RouteOptions options, Dictionary<string, ProviderModel> models)
    {
        var deployments = options.Deployments.SelectMany(
            entry => Deploy(models[entry.Provider], entry.Model, entry));
        return new RouteModel(
            name,
            [.. deployments],
            options.Balance ?? Balance.LeastBusy,
            options.Timeout ?? RouteModel.DefaultTimeout,
            options.Overflow ?? false,
            _routes.GetOrAdd(name, static _ => new RouteState()),
            isConfigured: true)
        {
            Heartbeat = options.Heartbeat ?? Rhythm.Off,
            DropParams = options.DropParams ?? false,
        };
    }

    private RouteModel Direct(ProviderModel provider, string model) => new(
        $"{provider.Name}/{model}",
        [.. Deploy(provider, model, configured: null)],
        Balance.LeastBusy,
        RouteModel.DefaultTimeout,
        overflow: false,
        _routes.GetOrAdd(provider.Name, static _ => new RouteState()),
        isConfigured: false);

    // Null: no route names it, a client does.
    private IEnumerable<DeploymentModel> Deploy(ProviderModel provider, string model, DeploymentOptions? configured) =>
        provider.Keys.Select(key => new DeploymentModel(
            provider,
            StateOf(provider, key, model, configured?.Limits, isBounded: configured is null),
            model,
            configured?.Order ?? 0,
            configured?.Weight ?? 1,
            PriceOf(provider.Name, model))
        {
            MaxOutput = configured?.MaxOutput ?? TranslationTarget.DefaultMaxOutput,
            MaxBatch = Math.Min(provider.MaxBatch, configured?.Limits?.MaxBatch ?? int.MaxValue),
            MaxConcurrency = Math.Min(provider.Limits.MaxConcurrency, configured?.Limits?.MaxConcurrency ?? int.MaxValue),
        });

    private PriceOptions? PriceOf(string provider, string model) =>
        _prices.GetValueOrDefault($"{provider}/{model}") ?? _prices.GetValueOrDefault(model);

    private DeploymentState StateOf(ProviderModel provider, string? key, string model, LimitOptions? limits, bool isBounded)
    {
        lock (_writing)
        {
            var id = (Provider: provider.Name, Key: key, Model: model, Limits: limits);
            if (isBounded && _deployments.Count >= MostDeployments && !_deployments.ContainsKey(id))
            {
                id.Model = OtherModels;
            }

            if (!_providers.TryGetValue(provider.Name, out var owner) || !_keys.TryGetValue((provider.Name, key), out var keyState))
            {
                // A request that began under an older table asks for a provider that is gone from the current one.
                Prepare(provider);
                (owner, keyState) = (_providers[provider.Name], _keys[(provider.Name, key)]);
            }

            if (_deployments.TryGetValue(id, out var state) && state.Provider == owner && state.Key == keyState)
            {
                state.Breaker.Reconfigure(provider.Breaker);
                return state;
            }

            return _deployments[id] = new DeploymentState(
                owner,
                keyState,
                state?.Key == keyState ? state.Lane : keyState.Gate.OpenLane($"{provider.Name}/{id.Model}", Narrowing(limits), SharedName.OfLane(id.Model, limits)),
                state?.Breaker ?? new CircuitBreaker(provider.Breaker, _time),
                _time)
            {
                Meter = state?.Meter ?? new TrafficMeter(AttemptOutcomes.Names.Length, _time),
            };
        }
    }

    private static AdmissionLimits? Narrowing(LimitOptions? limits) => limits is null ? null : new AdmissionLimits
    {
        MaxConcurrency = limits.MaxConcurrency ?? int.MaxValue,
        StartConcurrency = limits.StartConcurrency,
        RequestsPerMinute = limits.RequestsPerMinute,
        TokensPerMinute = limits.TokensPerMinute,
        Queue = limits.Queue ?? int.MaxValue,
        LatencyTarget = limits.LatencyTarget,
    };

    // Forgets what the new table does not name. Nothing is closed: requests under way hold their own references, and end by them.
    private void Retire(Dictionary<string, ProviderModel> models, Dictionary<string, RouteModel> routes)
    {
        var routed = routes.Values.SelectMany(route => route.Deployments).Select(deployment => deployment.State).ToHashSet();
        foreach (var (id, state) in _deployments)
        {
            // What has no limits of its own may be asked for by its name, whether a route names it or not.
            if (!models.TryGetValue(id.Provider, out var model) || !model.Keys.Contains(id.Key) || (id.Limits is not null && !routed.Contains(state)))
            {
                _deployments.TryRemove(id, out _);
            }
        }

        foreach (var id in _keys.Keys.Where(id => !models.TryGetValue(id.Provider, out var model) || !model.Keys.Contains(id.Key)).ToList())
        {
            _keys.Remove(id);
        }

        foreach (var name in _providers.Keys.Where(name => !models.ContainsKey(name)).ToList())
        {
            _providers.Remove(name);
        }

        foreach (var name in _routes.Keys.Where(name => !routes.ContainsKey(name) && !models.ContainsKey(name)).ToList())
        {
            _routes.TryRemove(name, out _);
        }
    }
}
