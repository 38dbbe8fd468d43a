using System.Text.Json;

namespace Weir.EndToEnd.Leases;

/// <summary>A lease as its holder knows it.</summary>
internal sealed record HeldLease(string Id, long Fence, DateTimeOffset ExpiresAt, IReadOnlyList<HeldResource> Resources)
{
    public static HeldLease Read(JsonElement lease) => new(
        lease.GetProperty("id").GetString()!,
        lease.GetProperty("fence").GetInt64(),
        lease.GetProperty("expires_at").GetDateTimeOffset(),
        [.. lease.GetProperty("resources").EnumerateArray().Select(resource => new HeldResource(
            resource.GetProperty("id").GetString()!, new Uri(resource.GetProperty("base_url").GetString()!).AbsolutePath, resource.GetProperty("token").GetString()!))]);
}

/// <param name="Id">The resource.</param>
/// <param name="Door">The path of its door, which every replica has.</param>
/// <param name="Token">For that door.</param>
internal sealed record HeldResource(string Id, string Door, string Token);
