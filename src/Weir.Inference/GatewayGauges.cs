using System.Diagnostics.Metrics;
using Weir.Flow.Breaking;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>Live state as gauges: read when somebody reads metrics, and costing nothing else. Deployments of several keys are added up.</summary>
public sealed class GatewayGauges
{
    private readonly RouteTables _tables;

    internal GatewayGauges(IMeterFactory factory, RouteTables tables)
    {
        _tables = tables;
        var meter = factory.Create(InferenceMetrics.MeterName);
        meter.CreateObservableGauge("weir.inference.in_flight", () => ByDeployment(state => state.Lane.InFlight), "{attempt}", "Attempts under way.");
        meter.CreateObservableGauge("weir.inference.queue", () => ByDeployment(state => state.Lane.Queued), "{request}", "Requests that wait for admission.");
        meter.CreateObservableGauge("weir.inference.limit", () => ByDeployment(state => state.Lane.Limit), "{attempt}", "The working limit on attempts under way.");
        meter.CreateObservableGauge(
            "weir.inference.breaker.open", () => ByDeployment(state => state.Breaker.State == BreakerState.Closed ? 0 : 1), "{breaker}", "Breakers that are open or half-open.");
        meter.CreateObservableCounter("weir.inference.breaker.opened", () => ByDeployment(state => state.Breaker.Opened), "{opening}", "How often breakers have opened.");
        meter.CreateObservableGauge("weir.inference.retries_left", () => ByProvider((table, name) => table.States[name].Budget.Remaining), "{retry}", "Retries that the budget would allow now.");
        meter.CreateObservableGauge("weir.inference.paused", () => ByProvider((_, name) => _tables.Switches.Of(name).IsOn ? 0 : 1), "{provider}", "1 while an operator has taken the provider out of use.");
    }

    private IEnumerable<Measurement<long>> ByDeployment(Func<DeploymentState, long> of) =>
        from provider in _tables.Current.Providers.Keys
        from state in _tables.DeploymentsOf(provider)
        group of(state) by state.Lane.Name into values
        select new Measurement<long>(values.Sum(), new KeyValuePair<string, object?>("deployment", values.Key));

    private IEnumerable<Measurement<long>> ByProvider(Func<RouteTable, string, long> of)
    {
        var table = _tables.Current;
        return table.Providers.Keys.Select(name => new Measurement<long>(of(table, name), new KeyValuePair<string, object?>("provider", name)));
    }
}
