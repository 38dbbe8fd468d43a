using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Doors.Forwarding;
using Weir.Leases.Kinds;

namespace Weir.Leases.Remote;

/// <summary>Resources that are HTTP endpoints somewhere else, given out whole or by slots. What comes through the door goes on to the endpoint.</summary>
internal sealed class RemoteKind(RemoteCalls calls, Forwarder forwarder, TimeProvider time) : ResourceKind, IKindOfSort
{
    private const int LargestAnswer = 1 << 20;
    private const int LargestObservation = 16 << 20;

    private static readonly TimeSpan HealthWithin = TimeSpan.FromSeconds(5);

    public static KindSort Sort { get; } = new("remote")
    {
        TraitsOf = TraitsOf,
        FaultsOf = RemoteFaults.Of,
        ConfigFaultOf = ConfigFaultOf,
        SlotsOf = options => options.Endpoints.SelectMany(
            endpoint => Enumerable.Range(0, endpoint.Slots).Select(slot => string.Create(CultureInfo.InvariantCulture, $"{endpoint.Id}.{slot}"))),
    };

    public override async ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken)
    {
        if (EndpointOf(resource) is not { } endpoint)
            return KindResult.Failed<JsonElement?>(Gone(resource.Resource));
        if (endpoint.Initialise is not { } path)
        {
            return config is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) }
                ? KindResult.Failed<JsonElement?>(new LeaseError(422, "config_not_taken", $"Resources of '{resource.Resource.Kind}' take no config: its endpoint '{endpoint.Id}' has no 'initialise' path."))
                : KindResult.Of<JsonElement?>(null);
        }

        var body = config is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } given
            ? JsonSerializer.SerializeToUtf8Bytes(given, RemoteJson.Default.JsonElement)
            : "{}"u8.ToArray();
        var (answer, error) = await calls.AskAsync(endpoint, HttpMethod.Post, path, body, LargestAnswer, cancellationToken);
        if (error is not null)
            return KindResult.Failed<JsonElement?>(error);
        var (told, fault) = answer.ToJson(KindLevels.Details);
        return fault is null
            ? KindResult.Of(told)
            : KindResult.Failed<JsonElement?>(new LeaseError(502, "upstream_broken", fault.SentenceOf($"What the endpoint '{endpoint.Id}' answered to POST {RemoteCalls.ShownOf(path)}")));
    }

    public override async ValueTask<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        if (EndpointOf(resource) is not { } endpoint)
            return KindResult.Failed<Observation?>(Gone(resource.Resource));
        if (endpoint.Observe is not { } path)
            return KindResult.Of<Observation?>(null);
        var (answer, error) = await calls.AskAsync(endpoint, HttpMethod.Get, path, null, LargestObservation, cancellationToken);
        return error is null ? RemoteObservation.Read(answer, endpoint.Id) : KindResult.Failed<Observation?>(error);
    }

    public override async ValueTask<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken)
    {
        if (EndpointOf(resource) is not { } endpoint)
            return KindReply.Failed(Gone(resource.Resource));
        var path = "/" + string.Join('/', call.Verb.Split('/').Select(Uri.EscapeDataString));
        var body = call.Body is { } value ? JsonSerializer.SerializeToUtf8Bytes(value, RemoteJson.Default.JsonElement) : null;
        var (answer, error) = await calls.AskAsync(endpoint, new HttpMethod(call.Method), path, body, LargestObservation, cancellationToken);
        return error is null
            ? new KindReply { ContentType = answer.MediaType.Length > 0 ? answer.MediaType : "application/octet-stream", Body = answer.Body }
            : KindReply.Failed(error);
    }

    public override Task ServeAsync(HttpContext context, LeasedResource resource) => EndpointOf(resource) is { } endpoint
        ? forwarder.ForwardAsync(context, context.Features.Get<DoorRequest>()!, RemoteCalls.TargetOf(endpoint))
        : context.WriteErrorAsync(Gone(resource.Resource));

    public override async ValueTask<LeaseError?> ResetAsync(KindResource resource, CancellationToken cancellationToken)
    {
        // An endpoint that the definition does not name any more is nothing that could be made clean.
        if (EndpointOf(resource) is not { Reset: { } path } endpoint)
            return null;
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new RemoteReset(resource.Resource.Id, resource.Resource.Slot, resource.Resource.Lease), RemoteJson.Default.RemoteReset);
        return (await calls.AskAsync(endpoint, HttpMethod.Post, path, body, LargestAnswer, cancellationToken)).Error;
    }

    public override async ValueTask<LeaseError?> CheckAsync(KindResource resource, CancellationToken cancellationToken)
    {
        if (EndpointOf(resource) is not { Health: { } path } endpoint)
            return null;
        using var limit = new CancellationTokenSource(HealthWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            return (await calls.AskAsync(endpoint, HttpMethod.Get, path, null, LargestAnswer, either.Token)).Error;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new LeaseError(504, "upstream_timeout", $"The endpoint '{endpoint.Id}' did not answer GET {RemoteCalls.ShownOf(path)} within {HealthWithin.TotalSeconds:0} s.");
        }
    }

    private static KindTraits TraitsOf(KindOptions options)
    {
        var traits = KindTraits.None;
        foreach (var endpoint in options.Endpoints)
        {
            traits |= endpoint.Initialise is null ? 0 : KindTraits.Initialises;
            traits |= endpoint.Reset is null ? 0 : KindTraits.Resets;
            traits |= endpoint.Health is null ? 0 : KindTraits.Checks;
        }

        return traits;
    }

    // Where only some endpoints take one, it is not known before the grant which it will be.
    private static LeaseError? ConfigFaultOf(KindOptions options, JsonElement? config) =>
        config is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } && options.Endpoints.All(endpoint => endpoint.Initialise is null)
            ? new LeaseError(422, "config_not_taken", "It takes no config: none of its endpoints has an 'initialise' path.")
            : null;

    /// <summary>The endpoint of a slot, which is named after it.</summary>
    private static RemoteEndpointOptions? EndpointOf(KindResource resource)
    {
        var slot = resource.Resource.Slot;
        var dot = slot.LastIndexOf('.');
        return dot < 0 ? null : resource.Options.Endpoints.FirstOrDefault(endpoint => slot.AsSpan(0, dot).SequenceEqual(endpoint.Id));
    }

    private static LeaseError Gone(ResourceRecord resource) =>
        new(410, "endpoint_gone", $"The endpoint of {resource.Id} was taken out of the kind '{resource.Kind}'. Release the lease and ask for another.");
}

/// <summary>What a reset webhook is told.</summary>
/// <param name="Resource">Its id.</param>
/// <param name="Slot">What the kind calls it.</param>
/// <param name="Lease">Which had it. Null: it is not known any more.</param>
internal sealed record RemoteReset(string Resource, string Slot, string? Lease);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RemoteReset))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class RemoteJson : JsonSerializerContext
{
}
