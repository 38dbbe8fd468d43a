using System.Text.Json;
using Weir.Leases.Documents;
using Weir.Leases.Doors.Forwarding;
using Weir.Leases.Kinds;

namespace Weir.Leases.Doors;

/// <summary>Asks a resource's kind here, or the replica where the resource lives, through its door there and with tokens of our own making.</summary>
internal sealed class KindCalls(LocalKinds local, IHomes homes, DoorSigner signer, Upstreams upstreams) : IKindCalls
{
    /// <summary>A screenshot of 16 MiB in Base64, and what stands around it.</summary>
    private const int LargestAnswer = 24 << 20;

    public static LeaseError Away(ResourceRecord resource) =>
        new(503, "home_away", $"{resource.Id} lives on a replica that is not there now. Try again, or release the lease and ask for another.") { RetryAfter = TimeSpan.FromSeconds(2) };

    public async Task<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken)
    {
        if (IsHere(resource))
            return await local.InitialiseAsync(resource, config, cancellationToken);
        var reply = await PrepareAsync(resource, PrepareCalls.Initialise, JsonSerializer.SerializeToUtf8Bytes(new InitialiseRequest(config), PrepareJson.Default.InitialiseRequest), cancellationToken);
        var (answer, error) = Read(reply, PrepareJson.Default.InitialiseAnswer);
        return new KindResult<JsonElement?>(answer?.Details, error);
    }

    public async Task<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        if (IsHere(resource))
            return await local.ObserveAsync(resource, cancellationToken);
        var (answer, error) = Read(await PrepareAsync(resource, PrepareCalls.Observe, [], cancellationToken), PrepareJson.Default.ObserveAnswer);
        return new KindResult<Observation?>(answer?.ToObservation(), error);
    }

    public Task<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken)
    {
        if (IsHere(resource))
            return local.UseAsync(resource, call, cancellationToken);
        var path = "/" + string.Join('/', call.Verb.Split('/').Select(Uri.EscapeDataString));
        var body = call.Body is { } value ? JsonSerializer.SerializeToUtf8Bytes(value, KindCallJson.Default.JsonElement) : null;
        return SendAsync(resource, DoorPurpose.Use, new HttpMethod(call.Method), path, body, cancellationToken);
    }

    private bool IsHere(LeasedResource resource) => resource.Resource.Home is not { } home || home == homes.Own;

    private Task<KindReply> PrepareAsync(LeasedResource resource, string path, byte[] body, CancellationToken cancellationToken) =>
        SendAsync(resource, DoorPurpose.Prepare, HttpMethod.Post, path, body, cancellationToken);

    private async Task<KindReply> SendAsync(LeasedResource resource, DoorPurpose purpose, HttpMethod method, string path, byte[]? body, CancellationToken cancellationToken)
    {
        if (homes.AddressOf(resource.Resource.Home!) is not { } address)
            return KindReply.Failed(Away(resource.Resource));
        var door = $"{address.AbsolutePath.TrimEnd('/')}{ResourceDoors.Root}{resource.Resource.Id}{path}";
        using var request = new HttpRequestMessage(method, new Uri(address, door));
        request.Headers.TryAddWithoutValidation(DoorRequest.TokenHeader, signer.Sign(purpose, resource.Resource.Id, resource.Session.LeaseId, resource.Session.Fence));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        }

        try
        {
            using var answer = await upstreams.SendAsync(request, cancellationToken);
            await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
            if (await BoundedBody.ReadAsync(stream, LargestAnswer, cancellationToken) is not { } read)
                return KindReply.Failed(new LeaseError(502, "upstream_broken", $"What {resource.Resource.Id} answered is larger than {LargestAnswer >> 20} MB."));
            if (answer.IsSuccessStatusCode)
                return new KindReply { ContentType = answer.Content.Headers.ContentType?.ToString() ?? "application/octet-stream", Body = read };
            return KindReply.Failed(DoorErrors.Read((int)answer.StatusCode, read, answer.Headers.RetryAfter?.Delta)
                ?? new LeaseError(502, "upstream_broken", $"The replica where {resource.Resource.Id} lives answered {(int)answer.StatusCode} without saying why."));
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested && fault is HttpRequestException or IOException or OperationCanceledException)
        {
            return KindReply.Failed(Away(resource.Resource));
        }
    }

    private static (T? Value, LeaseError? Error) Read<T>(KindReply reply, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        if (reply.Error is { } error)
            return (null, error);
        try
        {
            return (JsonSerializer.Deserialize(reply.Body.Span, type), null);
        }
        catch (JsonException)
        {
            return (null, new LeaseError(502, "upstream_broken", "Another replica answered what is not understood here: it may run another version."));
        }
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(JsonElement))]
internal sealed partial class KindCallJson : System.Text.Json.Serialization.JsonSerializerContext
{
}
