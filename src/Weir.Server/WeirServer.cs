using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Inference.Batches;
using Weir.Server.Applying;
using Weir.Server.Batches;
using Weir.Server.Configuration;
using Weir.Server.Endpoints;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Leases;
using Weir.Server.Limits;
using Weir.Server.Mcp;
using Weir.Server.Observability;
using Weir.Server.Observability.Logging;
using Weir.Server.Providers;
using Weir.Server.Responses;
using Weir.Server.Retrieval;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Server;

/// <summary>The composition root.</summary>
internal static class WeirServer
{
    /// <summary>A server that is ready to start. It neither opens nor disposes the store.</summary>
    public static WebApplication Build(WeirServerSetup setup)
    {
        // The empty builder: no settings file, environment variable or log provider gets in but by the lines below.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "Weir" });

        builder.Logging.AddWeirConsole(setup.LogFormat, setup.LogLevel);
        builder.AddWeb(setup);
        builder.Services.AddSingleton(setup.Time);
        builder.Services.AddState(setup.Store);
        builder.Services.AddSingleton<IReplicaPlace, ReplicaPlace>();
        builder.Services.AddSingleton(setup.Options);
        builder.Services.AddLiveConfiguration(setup.Sources, setup.Configuration);
        builder.Services.AddKeys(setup);
        builder.Services.AddLimits(setup);
        builder.Services.AddGateway();
        builder.Services.AddRetrieval();
        builder.Services.AddLeases(setup);
        builder.Services.AddSingleton<DocumentApply>();
        builder.Services.AddResponses();
        builder.Services.AddBatchAccounts();
        builder.Services.AddBatches();
        builder.Services.AddProviderDesk();
        builder.Services.AddMcp(setup.McpFixtures);
        builder.Services.AddObservability(setup);
        builder.Services.AddOpenApiDocument();
        setup.Customize?.Invoke(builder);

        var app = builder.Build();
        app.UseRouting();
        app.UseMiddleware<FrontDoor>();
        app.MapHealth();
        app.MapMetrics();
        app.MapStatus();
        app.MapApply();
        app.MapKeys();
        app.MapUsage();
        app.MapProviders();
        app.MapHistory();
        app.MapGateway();
        app.MapRetrieval();
        app.MapLeases();
        app.MapFiles();
        app.MapBatches();
        app.MapMcp();
        app.MapOpenApiDocument();
        setup.Map?.Invoke(app);
        return app;
    }
}

/// <summary>What a server is made of.</summary>
internal sealed record WeirServerSetup
{
    /// <summary>Loaded, and without faults.</summary>
    public required LoadedConfiguration Configuration { get; init; }

    /// <summary>Where it was loaded from, and is loaded from again when the file changes.</summary>
    public required ConfigurationSources Sources { get; init; }

    /// <summary>The configuration as it is at start.</summary>
    public WeirOptions Options => Configuration.Options;

    /// <summary>Open, and disposed by its owner after the server has stopped.</summary>
    public required IStateStore Store { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The value of WEIR_ADMIN_KEY. Null: not set.</summary>
    public string? AdminKey { get; init; }

    public LogFormat LogFormat { get; init; } = LogFormat.Text;

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Offers over MCP also the tools, resources and prompts that the public conformance suite calls.</summary>
    public bool McpFixtures { get; init; }

    /// <summary>Last word on services and on the web host: tests replace the server here.</summary>
    public Action<WebApplicationBuilder>? Customize { get; init; }

    /// <summary>Endpoints beside Weir's own.</summary>
    public Action<WebApplication>? Map { get; init; }
}
