using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Inference.Load;
using Weir.Inference.Status;
using Weir.Leases.Upkeep;
using Weir.Retrieval.Embedding;
using Weir.Server.Applying;
using Weir.Server.Configuration;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Leases;
using Weir.Server.Observability;
using Weir.Server.Observability.Alerts;
using Weir.Server.Observability.Health;
using Weir.Server.Retrieval;
using Weir.State;

namespace Weir.Server.Endpoints;

internal static class StatusEndpoints
{
    public static void MapStatus(this IEndpointRouteBuilder app) =>
        app.MapGet("/v1/status", ReadAsync).Requires(Role.Any).Describe("What this replica is, serves and depends on.", typeof(StatusReport));

    private static async Task ReadAsync(HttpContext context)
    {
        var options = context.Service<LiveConfiguration>().Current;
        var store = context.Service<IStateStore>();
        // What tells of files, programs and addresses of this machine is for whoever runs it.
        var isAdmin = context.GetCaller().Has(Role.Admin);
        var readiness = context.Service<Readiness>().Read(withCauses: isAdmin);
        var started = context.Service<ServerStart>();
        await context.Service<IKindDesk>().MadeAsync(context.RequestAborted);
        var health = store.Health;
        await context.Response.WriteJsonAsync(new StatusReport
        {
            Version = WeirVersion.Text,
            Status = readiness.Status,
            Url = options.Server.Url,
            Fleet = options.Server.Fleet,
            StartedAt = started.At,
            UptimeSeconds = (long)context.Time().GetElapsedTime(started.Timestamp).TotalSeconds,
            InFlight = context.Service<Drain>().InFlight,
            Keys = context.Service<KeyRing>().Table?.Records.Count ?? 0,
            State = new StateReport(health.Kind, health.Available, health.Warnings),
            Dependencies = readiness.Dependencies,
            Load = LoadReport.Of(context.Service<LoadProfiles>()),
            Paused = [.. context.Service<GatewayStatus>().ReadProviders(null).Where(p => p.Paused is not null).Select(p => new PausedProvider(p.Name, p.Paused!.Drain, p.Paused.Since, p.Paused.IsShared))],
            Alerts = context.Service<Watchman>().Active,
            Providers = [.. options.Providers.Keys.Order(StringComparer.Ordinal)],
            Collections = context.Service<CollectionStatus>().Read(withDetails: isAdmin),
            Kinds = context.Service<KindViews>().Read(context.GetCaller().ToAsker() with { IsAdmin = false }),
            Differences = Told(await context.Service<DocumentApply>().DifferencesAsync(context.RequestAborted), isAdmin),
            Routes = [.. options.Routes.Keys.Order(StringComparer.Ordinal)],
            EmbeddingModels = EmbeddingModelStatus.Of(context.Service<EmbeddingService>()),
        });
    }

    private static IReadOnlyList<DocumentReport>? Told(IReadOnlyList<DocumentReport>? differences, bool isAdmin) =>
        isAdmin ? differences : differences?.Select(document => document with { Differences = [], Error = null }).ToList();
}

internal sealed record StatusReport
{
    public required string Version { get; init; }

    /// <summary><c>starting</c>, <c>ready</c> or <c>draining</c>.</summary>
    public required string Status { get; init; }

    public required string Url { get; init; }

    public required string Fleet { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required long UptimeSeconds { get; init; }

    /// <summary>Requests, this one among them.</summary>
    public required int InFlight { get; init; }

    /// <summary>Keys in the store.</summary>
    public required int Keys { get; init; }

    public required StateReport State { get; init; }

    public required IReadOnlyDictionary<string, DependencyHealth> Dependencies { get; init; }

    public required LoadReport Load { get; init; }

    public required IReadOnlyList<string> Providers { get; init; }

    /// <summary>Providers that an operator has taken out of use.</summary>
    public IReadOnlyList<PausedProvider> Paused { get; init; } = [];

    /// <summary>Alerts that have begun and not ended.</summary>
    public IReadOnlyList<ActiveAlert> Alerts { get; init; } = [];

    public required IReadOnlyList<string> Routes { get; init; }

    /// <summary>Those that all share.</summary>
    public IReadOnlyList<CollectionReport> Collections { get; init; } = [];

    /// <summary>Those that this key may lease.</summary>
    public IReadOnlyList<KindView> Kinds { get; init; } = [];

    /// <summary>Collections, catalogs and kinds that are not stored as configured; <c>weir apply</c> makes them so. Null: the store has not told yet what there is.</summary>
    public IReadOnlyList<DocumentReport>? Differences { get; init; }

    public IReadOnlyList<EmbeddingModelStatus> EmbeddingModels { get; init; } = [];
}

/// <param name="Profile"><c>conservative</c>, <c>balanced</c> or <c>aggressive</c>.</param>
/// <param name="RequestsPerSecond">Of the last 10 s.</param>
internal sealed record LoadReport(string Profile, double RequestsPerSecond)
{
    public static LoadReport Of(LoadProfiles load) => new(LoadProfiles.NameOf(load.Now.Name), load.Rate);
}

/// <param name="Name">As in the configuration.</param>
/// <param name="Drain">Who waits for it still goes there.</param>
/// <param name="Since">When it was asked for.</param>
/// <param name="Shared">Every replica knows of it.</param>
internal sealed record PausedProvider(string Name, bool Drain, DateTimeOffset Since, bool Shared);

/// <param name="Kind"><c>sqlite</c>, <c>redis</c> or <c>memory</c>.</param>
/// <param name="Available">Whether the last contact succeeded.</param>
/// <param name="Warnings">What an operator should change.</param>
internal sealed record StateReport(string Kind, bool Available, IReadOnlyList<string> Warnings);
