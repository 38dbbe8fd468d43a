using System.Text.Json;
using Weir.Leases.Kinds;

namespace Weir.Leases.Doors;

/// <summary>Asks a resource's kind here, or the replica where the resource lives.</summary>
internal sealed class KindCalls(LocalKinds local, IHomes homes, HomeCalls elsewhere) : IKindCalls
{
    public async Task<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken)
    {
        if (IsHere(resource))
            return await local.InitialiseAsync(resource, config, cancellationToken);
        var body = JsonSerializer.SerializeToUtf8Bytes(new InitialiseRequest(config), PrepareJson.Default.InitialiseRequest);
        var (answer, error) = await elsewhere.PrepareAsync(GrantOf(resource), PrepareCalls.Initialise, body, PrepareJson.Default.InitialiseAnswer, cancellationToken);
        return new KindResult<JsonElement?>(answer?.Details, error);
    }

    public async Task<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        if (IsHere(resource))
            return await local.ObserveAsync(resource, cancellationToken);
        var (answer, error) = await elsewhere.PrepareAsync(GrantOf(resource), PrepareCalls.Observe, [], PrepareJson.Default.ObserveAnswer, cancellationToken);
        return new KindResult<Observation?>(answer?.ToObservation(), error);
    }

    public Task<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken)
    {
        if (IsHere(resource))
            return local.UseAsync(resource, call, cancellationToken);
        var path = "/" + string.Join('/', call.Verb.Split('/').Select(Uri.EscapeDataString));
        var body = call.Body is { } value ? JsonSerializer.SerializeToUtf8Bytes(value, KindCallJson.Default.JsonElement) : null;
        return elsewhere.SendAsync(GrantOf(resource), DoorPurpose.Use, new HttpMethod(call.Method), path, body, cancellationToken);
    }

    private bool IsHere(LeasedResource resource) => resource.Resource.Home is not { } home || home == homes.Own;

    private static HomeGrant GrantOf(LeasedResource resource) => new(resource.Resource, resource.Session.LeaseId, resource.Session.Fence);
}

[System.Text.Json.Serialization.JsonSerializable(typeof(JsonElement))]
internal sealed partial class KindCallJson : System.Text.Json.Serialization.JsonSerializerContext
{
}
