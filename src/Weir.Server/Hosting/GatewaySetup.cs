using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference;
using Weir.Inference.Caching;
using Weir.Inference.Requests;
using Weir.Server.Configuration;
using Weir.Server.Endpoints;

namespace Weir.Server.Hosting;

/// <summary>Joins the gateway to the server: its configuration, now and at each reload, and its endpoints.</summary>
internal static class GatewaySetup
{
    public static void AddGateway(this IServiceCollection services)
    {
#pragma warning disable RS0030 // Here, and only here, it is decided that randomness is the process's own.
        services.AddSingleton(Random.Shared);
#pragma warning restore RS0030
        services.AddInference();
        services.AddSingleton(provider => new BodyBudget(BodyBudget.LimitHere, provider.GetRequiredService<IMeterFactory>()));
        services.AddSingleton(provider => new BodyLimits(
            provider.GetRequiredService<WeirOptions>().Server.MaxBody.Bytes,
            provider.GetRequiredService<BodyBudget>(),
            provider.GetRequiredService<TimeProvider>()));
    }

    public static void MapGateway(this WebApplication app)
    {
        var gateway = app.Services.GetRequiredService<Gateway>();
        // Nobody asks for them: they are read by whoever reads metrics.
        _ = app.Services.GetRequiredService<GatewayGauges>();
        var live = app.Services.GetService<LiveConfiguration>();
        live?.OnChange(options => gateway.Apply(Of(options)));
        gateway.Apply(Of(live?.Current ?? app.Services.GetRequiredService<WeirOptions>()));
        InferenceEndpoints.Map(app);
        ResponseEndpoints.Map(app);
        BatchRequestEndpoints.Map(app);
    }

    private static InferenceOptions Of(WeirOptions options) => new()
    {
        Providers = options.Providers,
        Routes = options.Routes,
        Load = options.Load,
        Prices = options.Prices,
        Cache = new CacheSettings(options.Cache.Ttl, options.Cache.MaxBytes.Bytes, options.Cache.Default == CacheDefault.On),
    };
}
