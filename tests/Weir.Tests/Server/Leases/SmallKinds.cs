using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Weir.Leases;
using Weir.Leases.Kinds;
using Weir.Server.Configuration;
using Weir.State;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Leases;

/// <summary>A server with small kinds of its own, over whatever the server leases with.</summary>
internal static class SmallKinds
{
    public static readonly byte[] Picture = [137, 80, 78, 71, 13, 10, 26, 10];

    public static RunningServer.Options Options(IStateStore? store = null, params (string Name, KindOptions Kind)[] kinds) => new()
    {
        Store = store,
        Weir = new WeirOptions { Kinds = kinds.ToDictionary(kind => kind.Name, kind => kind.Kind) },
        Customize = Register,
    };

    /// <summary>Started, and with every resource there.</summary>
    public static async Task<RunningServer> StartAsync(IStateStore? store = null, params (string Name, KindOptions Kind)[] kinds)
    {
        var server = await RunningServer.StartAsync(Options(store, kinds));
        foreach (var (name, kind) in kinds)
            await server.HasAsync(name, kind.Capacity!.Value);
        return server;
    }

    /// <summary>Waits until a kind has so many resources, whatever their state.</summary>
    public static Task HasAsync(this RunningServer server, string kind, int total) =>
        Eventually.TrueAsync(() => server.Service<Weir.Leases.Upkeep.IKindDesk>().Status().Any(status => status.Name == kind && status.Total == total));

    /// <summary>Waits until so many are free.</summary>
    public static Task IsFreeAsync(this RunningServer server, string kind, int free) =>
        Eventually.TrueAsync(() => server.Service<Weir.Leases.Upkeep.IKindDesk>().Status().Any(status => status.Name == kind && status.Free == free));

    private static void Register(WebApplicationBuilder builder) =>
        builder.Services.AddResourceKind<PlainKind>().AddResourceKind<BrokenKind>().AddResourceKind<HangingKind>().AddResourceKind<ScreenKind>();

    /// <summary>Nothing has to be done for it; it says who uses it.</summary>
    private sealed class PlainKind : ResourceKind, IKindOfSort
    {
        public static KindSort Sort { get; } = new("plain");

        public override ValueTask<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken) => ValueTask.FromResult(
            call.Verb == "who" ? new KindReply { ContentType = "text/plain", Body = System.Text.Encoding.UTF8.GetBytes(resource.Session.WorkerId) } : KindReply.Unknown(resource, call));
    }

    /// <summary>Cannot be initialised unless its config says so.</summary>
    private sealed class BrokenKind : ResourceKind, IKindOfSort
    {
        public static KindSort Sort { get; } = new("broken") { TraitsOf = _ => KindTraits.Initialises };

        public override ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken) => ValueTask.FromResult(
            config is { ValueKind: JsonValueKind.Object } given && given.TryGetProperty("works", out _)
                ? KindResult.Of<JsonElement?>(given)
                : KindResult.Failed<JsonElement?>(new LeaseError(422, "config_missing", "It needs a config that 'works'.")));
    }

    /// <summary>Never gets ready.</summary>
    private sealed class HangingKind : ResourceKind, IKindOfSort
    {
        public static KindSort Sort { get; } = new("hanging") { TraitsOf = _ => KindTraits.Initialises };

        public override async ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return default;
        }
    }

    /// <summary>Shows a picture.</summary>
    private sealed class ScreenKind : ResourceKind, IKindOfSort
    {
        public static KindSort Sort { get; } = new("screen");

        public override ValueTask<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken) =>
            ValueTask.FromResult(KindResult.Of<Observation?>(new Observation { Screenshot = Picture, Text = resource.Resource.Id }));
    }
}
