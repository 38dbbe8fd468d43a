using Microsoft.AspNetCore.Builder;
using Weir.Inference.Providers;
using Weir.Server.Configuration;
using Weir.Simulation;

namespace Weir.Cli.Running;

/// <summary>
/// The providers of <c>weir up</c> beside the configured ones: those whose usual key is in the environment, and the simulated one,
/// which then runs inside this process as a server of its own.
/// </summary>
internal sealed class ServedProviders(TimeProvider time) : IAsyncDisposable
{
    private WebApplication? _simulated;

    /// <summary>The sources, completed by what was found; loading them gives the configuration to serve.</summary>
    public async Task<ConfigurationSources> CompleteAsync(ConfigurationSources sources, bool simulate, CancellationToken cancellation)
    {
        // Only where nobody said anything about providers are the usual ones looked for.
        if (ConfigurationLoader.Load(sources).ProvidersAreDefault)
        {
            using var http = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false });
            sources = sources with
            {
                DefaultProviders = await ProviderDiscovery.FindAsync(sources.Environment, SimulateAsync, http, time, cancellation),
            };
        }

        if (!simulate || sources.DefaultProviders.ContainsKey(ProviderDiscovery.Simulated)) return sources;

        var added = new Dictionary<string, ProviderOptions>(sources.AddedProviders, StringComparer.Ordinal)
        {
            [ProviderDiscovery.Simulated] = await SimulateAsync(cancellation),
        };
        return sources with { AddedProviders = added };
    }

    public async ValueTask DisposeAsync()
    {
        if (_simulated is not null) await _simulated.DisposeAsync();
    }

    private async ValueTask<ProviderOptions> SimulateAsync(CancellationToken cancellation)
    {
        _simulated ??= SimulatedProvider.Build(new SimulationOptions { Latency = TimeSpan.FromMilliseconds(50), TokensPerSecond = 100 }, time: time);
        if (_simulated.Urls.Count == 0 || _simulated.Urls.First().EndsWith(":0", StringComparison.Ordinal)) await _simulated.StartAsync(cancellation);
        return new ProviderOptions { Dialect = Dialect.OpenAI, BaseUrl = _simulated.Urls.First() + "/v1" };
    }
}
