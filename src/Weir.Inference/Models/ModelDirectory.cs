using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Models;

/// <summary>A model as <c>/v1/models</c> shows it.</summary>
/// <param name="Id">What a request names it by.</param>
/// <param name="OwnedBy">The provider, or <c>weir</c> for a route.</param>
public sealed record ModelEntry(string Id, string OwnedBy);

/// <summary>
/// Resolves the names that requests ask for: a route, then a model that this server serves itself, then provider/model, then a model that exactly one provider is known to
/// have. What it cannot resolve it answers with names that are near.
/// </summary>
public sealed class ModelDirectory
{
    private readonly RouteTables _tables;
    private readonly ModelCatalog _catalog;
    private readonly ServedModels _served;

    internal ModelDirectory(RouteTables tables, ModelCatalog catalog, ServedModels served)
    {
        _tables = tables;
        _catalog = catalog;
        _served = served;
    }

    /// <summary>Routes, what this server serves itself, and the models of providers that no route names.</summary>
    /// <param name="mayUse">Leaves out what the caller may not use; null: nothing.</param>
    /// <param name="cancellationToken">Ends the wait for providers.</param>
    public async ValueTask<IReadOnlyList<ModelEntry>> ListAsync(Func<string, bool>? mayUse, CancellationToken cancellationToken)
    {
        var table = _tables.Current;
        var own = _served.Names.Where(name => !table.Routes.ContainsKey(name)).Order(StringComparer.Ordinal);
        var entries = table.Routes.Keys.Order(StringComparer.Ordinal).Concat(own).Select(name => new ModelEntry(name, "weir")).ToList();
        var lists = await Task.WhenAll(table.Unrouted.Select(provider => _catalog.ListAsync(provider, cancellationToken).AsTask())).ConfigureAwait(false);
        for (var i = 0; i < lists.Length; i++)
        {
            var provider = table.Unrouted[i].Name;
            entries.AddRange(lists[i].Select(model => new ModelEntry($"{provider}/{model}", provider)));
        }

        return mayUse is null ? entries : [.. entries.Where(entry => mayUse(entry.Id))];
    }

    /// <summary>What a name would be resolved to for this caller, or why it would not be.</summary>
    public async ValueTask<(ModelEntry? Entry, InferenceError? Error)> FindAsync(string name, Func<string, bool>? mayUse, CancellationToken cancellationToken)
    {
        var (known, served) = Look(name, isForRoutes: false);
        if (served is not null)
        {
            return mayUse is null || mayUse(name) ? (new ModelEntry(name, "weir"), null) : (null, Forbidden(name));
        }

        var (route, error) = await ResolveAsync(name, known, mayUse, cancellationToken).ConfigureAwait(false);
        return route is null ? (null, error) : (new ModelEntry(name, route.IsConfigured ? "weir" : route.Deployments[0].Provider.Name), null);
    }

    /// <summary>How many requests a provider behind a name takes in one batch: the smallest of its deployments'. Null where the name is neither a route nor provider/model.</summary>
    public int? MaxBatchOf(string name) => _tables.Current.Find(name)?.Deployments.Min(static deployment => deployment.MaxBatch);

    /// <summary>How many requests the narrowest provider behind a name may have in flight, over all its keys; of the lowest order, which is asked first. Null as above.</summary>
    public int? MaxInFlightOf(string name) => _tables.Current.Find(name) is { } route ? (int)MaxInFlightOf(route) : null;

    /// <summary>How long a request for a name may take where it does not say. Null as above.</summary>
    public TimeSpan? TimeoutOf(string name) => _tables.Current.Find(name)?.Timeout;

    /// <summary>The tokens that answers of a model name have had on average, recent ones counting more; 0 where it is not known.</summary>
    internal int MeanOutputOf(string name) => _tables.Current.Find(name)?.State.MeanOutput ?? 0;

    /// <summary>Names that are near one which only its provider could judge, and did not know.</summary>
    internal async ValueTask<InferenceError> HintAsync(
        InferenceError error, RouteModel route, Func<string, bool>? mayUse, CancellationToken cancellationToken)
    {
        var provider = route.Deployments[0].Provider;
        var models = await _catalog.ListAsync(provider, cancellationToken).ConfigureAwait(false);
        var near = NearNames.Of(route.Name, models.Select(model => $"{provider.Name}/{model}").Where(name => mayUse is null || mayUse(name)));
        return near.Count == 0 ? error : error with { Message = $"{error.Message} Did you mean {string.Join(", ", near)}?" };
    }

    /// <summary>
    /// What a vector of a route depends on: the model's name at its provider, and the provider that is asked first, both as configured. Null where the name
    /// is neither a route nor provider/model, or its deployments differ in model.
    /// </summary>
    public (string Provider, string Model)? IdentityOf(string name)
    {
        if (_tables.Current.Find(name) is not { } route)
        {
            return null;
        }

        var first = route.Deployments.OrderBy(static deployment => deployment.Order).ThenBy(static deployment => deployment.Provider.Name, StringComparer.Ordinal).First();
        return Array.TrueForAll(route.Deployments, deployment => deployment.Model == first.Model) ? (first.Provider.Name, first.Model) : null;
    }

    /// <summary>What is known of a name without asking anybody: at most one of the two is to be asked.</summary>
    internal (RouteModel? Route, IServedModel? Served) Look(InferenceRequest request) => Look(request.Head.Model, request.IsForRoutes);

    /// <summary>Why a model does not serve a request; null where it does.</summary>
    internal static InferenceError? Admit(IServedModel model, InferenceRequest request) =>
        request.MayUse is { } mayUse && !mayUse(model.Name) ? Forbidden(model.Name) : ServedModels.Refuse(model, request.Operation);

    internal ValueTask<(RouteModel? Route, InferenceError? Error)> ResolveAsync(
        string name, RouteModel? route, Func<string, bool>? mayUse, CancellationToken cancellationToken)
    {
        if (route is not null && (mayUse is null || mayUse(route.Name)))
        {
            return new((route, null));
        }

        return route is not null ? new((null, Forbidden(name))) : ResolveByListAsync(name, mayUse, cancellationToken);
    }

    private async ValueTask<(RouteModel? Route, InferenceError? Error)> ResolveByListAsync(
        string name, Func<string, bool>? mayUse, CancellationToken cancellationToken)
    {
        var providers = await _catalog.ProvidersOfAsync(name, cancellationToken).ConfigureAwait(false);
        if (providers.Count == 1 && _tables.Current.Find($"{providers[0].Name}/{name}") is { } route)
        {
            return mayUse is null || mayUse(route.Name) ? (route, null) : (null, Forbidden(name));
        }

        var several = providers.Count > 1 && mayUse is null;
        var near = several ? [.. providers.Select(provider => $"{provider.Name}/{name}")] : NearNames.Of(name, Names(mayUse));
        var hint = near.Count == 0 ? "GET /v1/models lists what there is."
            : $"{(several ? "Several providers have it; name one:" : "Did you mean")} {string.Join(", ", near)}{(several ? "." : "?")}";
        return (null, new InferenceError(404, "model_not_found", $"There is no model '{name}' here. {hint}") { Param = "model", ShouldRetry = false });
    }

    // A configured route comes before all else, and pays for no second look.
    private (RouteModel? Route, IServedModel? Served) Look(string name, bool isForRoutes)
    {
        var route = _tables.Current.Find(name);
        return (route, isForRoutes || route is { IsConfigured: true } ? null : _served.Find(name));
    }

    // Deployments of one key share what it may have in flight.
    private static long MaxInFlightOf(RouteModel route)
    {
        var order = route.Deployments.Min(static deployment => deployment.Order);
        return route.Deployments.Where(deployment => deployment.Order == order)
            .GroupBy(static deployment => deployment.Provider.Name, StringComparer.Ordinal)
            .Min(static provider => Math.Min(int.MaxValue, provider.GroupBy(static deployment => deployment.State.Key)
                .Sum(static key => Math.Min(key.First().Provider.Limits.MaxConcurrency, key.Sum(static deployment => (long)deployment.MaxConcurrency)))));
    }

    private IEnumerable<string> Names(Func<string, bool>? mayUse)
    {
        var table = _tables.Current;
        return table.Routes.Keys.Concat(_served.Names).Concat(_catalog.Known.Select(known => $"{known.Provider}/{known.Model}")).Where(name => mayUse is null || mayUse(name));
    }

    private static InferenceError Forbidden(string name) =>
        new(403, "model_not_allowed", $"This key may not use '{name}'. GET /v1/models lists what it may use.") { Param = "model", ShouldRetry = false };
}
