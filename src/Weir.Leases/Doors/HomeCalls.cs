using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Weir.Leases.Documents;
using Weir.Leases.Doors.Forwarding;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Doors;

/// <summary>A resource that lives on another replica, in the hands of a lease.</summary>
/// <param name="Resource">With its home.</param>
/// <param name="LeaseId">The lease that holds it.</param>
/// <param name="Fence">The grant's revision.</param>
internal readonly record struct HomeGrant(ResourceRecord Resource, string LeaseId, long Fence);

/// <summary>Asks the replica where a resource lives, through its door there and with tokens of our own making.</summary>
internal sealed class HomeCalls(Homes homes, DoorSigner signer, Upstreams upstreams) : IHomeInstances
{
    /// <summary>A screenshot of 16 MiB in Base64, and what stands around it.</summary>
    private const int LargestAnswer = 24 << 20;

    public static LeaseError Away(ResourceRecord resource) =>
        new(503, "home_away", $"{resource.Id} lives on a replica that is not there now. Try again, or release the lease and ask for another.") { RetryAfter = TimeSpan.FromSeconds(2) };

    public async Task<KindResult<ResourceInstance>> MakeAsync(Stored<ResourceRecord> resource, string leaseId, CancellationToken cancellationToken)
    {
        var (made, error) = await PrepareAsync(new HomeGrant(resource.Value, leaseId, resource.Version), PrepareCalls.Make, [], PrepareJson.Default.ResourceInstance, cancellationToken);
        return new KindResult<ResourceInstance>(made!, error);
    }

    /// <summary>Asks for what only replicas ask each other.</summary>
    public async Task<(T? Value, LeaseError? Error)> PrepareAsync<T>(HomeGrant grant, string path, byte[] body, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class => Read(await SendAsync(grant, DoorPurpose.Prepare, HttpMethod.Post, path, body, cancellationToken), type);

    public async Task<KindReply> SendAsync(HomeGrant grant, DoorPurpose purpose, HttpMethod method, string path, byte[]? body, CancellationToken cancellationToken)
    {
        var (resource, home) = (grant.Resource, grant.Resource.Home!);
        if (homes.AddressOf(home) is not { } address)
            return KindReply.Failed(Away(resource));
        var door = $"{address.AbsolutePath.TrimEnd('/')}{ResourceDoors.Root}{resource.Id}{path}";
        using var request = new HttpRequestMessage(method, new Uri(address, door));
        request.Headers.TryAddWithoutValidation(DoorRequest.TokenHeader, signer.Sign(purpose, resource.Id, grant.LeaseId, grant.Fence));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        }

        try
        {
            using var answer = await upstreams.SendAsync(request, cancellationToken);
            homes.Reached(home);
            await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
            if (await BoundedBody.ReadAsync(stream, LargestAnswer, cancellationToken) is not { } read)
                return KindReply.Failed(new LeaseError(502, "upstream_broken", $"What {resource.Id} answered is larger than {LargestAnswer >> 20} MB."));
            if (answer.IsSuccessStatusCode)
                return new KindReply { ContentType = answer.Content.Headers.ContentType?.ToString() ?? "application/octet-stream", Body = read };
            return KindReply.Failed(DoorErrors.Read((int)answer.StatusCode, read, answer.Headers.RetryAfter?.Delta)
                ?? new LeaseError(502, "upstream_broken", $"The replica where {resource.Id} lives answered {(int)answer.StatusCode} without saying why."));
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested && fault is HttpRequestException or IOException or OperationCanceledException)
        {
            if (fault is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError })
                homes.Missed(home);
            return KindReply.Failed(Away(resource));
        }
    }

    private static (T? Value, LeaseError? Error) Read<T>(KindReply reply, JsonTypeInfo<T> type)
        where T : class
    {
        if (reply.Error is { } error)
            return (null, error);
        try
        {
            if (JsonSerializer.Deserialize(reply.Body.Span, type) is { } value)
                return (value, null);
        }
        catch (JsonException)
        {
            // Told below.
        }

        return (null, new LeaseError(502, "upstream_broken", "Another replica answered what is not understood here: it may run another version."));
    }
}
