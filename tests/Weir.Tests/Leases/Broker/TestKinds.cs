using System.Collections.Concurrent;
using System.Text.Json;
using Weir.Leases;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Broker;

/// <summary>Needs nothing: a lease of it alone is one commit. Its config may say <c>{"fail": "why"}</c>, or <c>{"wrong": "why"}</c>, which can be told beforehand.</summary>
internal sealed class SlotKind : ResourceKind, IKindOfSort
{
    public static KindSort Sort { get; } = new("slot")
    {
        ConfigFaultOf = (_, config) => config is { } told && told.TryGetProperty("wrong", out var why) ? new LeaseError(422, "invalid_value", why.GetString()!) : null,
    };

    public override ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken) =>
        ValueTask.FromResult(config is { } told && told.TryGetProperty("fail", out var why) ? KindResult.Failed<JsonElement?>(new LeaseError(422, "no_such_thing", why.GetString()!)) : KindResult.Of<JsonElement?>(config));
}

/// <summary>Is initialised beyond the store, and made clean after each lease. A test may hold its initialisation up.</summary>
internal sealed class DeskKind : ResourceKind, IKindOfSort
{
    public static KindSort Sort { get; } = new("desk") { TraitsOf = _ => KindTraits.Initialises | KindTraits.Resets };

    /// <summary>What an initialisation waits for. Null: nothing.</summary>
    public Func<LeasedResource, CancellationToken, Task>? Initialising { get; set; }

    public ConcurrentQueue<string> Forgotten { get; } = new();

    public override async ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken)
    {
        if (Initialising is { } initialising)
            await initialising(resource, cancellationToken);
        return config is { } told && told.TryGetProperty("fail", out var why) ? KindResult.Failed<JsonElement?>(new LeaseError(422, "broken", why.GetString()!)) : KindResult.Of<JsonElement?>(null);
    }

    public override ValueTask<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken) =>
        ValueTask.FromResult(KindResult.Of<Observation?>(new Observation { Text = $"{resource.Resource.Id} of {resource.Session.WorkerId}" }));

    public override ValueTask<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken) =>
        ValueTask.FromResult(new KindReply { Body = System.Text.Encoding.UTF8.GetBytes($"\"{call.Verb} by {resource.Session.LeaseId}\"") });

    public override ValueTask ForgetAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        Forgotten.Enqueue(resource.Resource.Id);
        return ValueTask.CompletedTask;
    }
}

/// <summary>Every resource lives here.</summary>
internal sealed class DirectCalls(ResourceKinds sorts) : IKindCalls
{
    public Task<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken) =>
        sorts.Of(resource.Resource.Kind)!.InitialiseAsync(resource, config, cancellationToken).AsTask();

    public Task<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken) =>
        sorts.Of(resource.Resource.Kind)!.ObserveAsync(resource, cancellationToken).AsTask();

    public Task<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken) =>
        sorts.Of(resource.Resource.Kind)!.UseAsync(resource, call, cancellationToken).AsTask();
}

internal sealed class TestHomes : IHomes
{
    public string Own { get; init; } = "home";

    public HashSet<string> There { get; } = [];

    public bool IsThere(string home) => home == Own || There.Contains(home);

    public Uri? AddressOf(string home) => null;
}
