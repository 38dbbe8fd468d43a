using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Weir.EndToEnd.Support;

namespace Weir.EndToEnd.Leases;

/// <summary>What workers say to a server, word by word.</summary>
internal static class LeaseCalls
{
    public static Task<HttpResponseMessage> AllocateAsync(
        this Server server, string worker, string ttl, string wait, IReadOnlyDictionary<string, int> kinds, string? key = null, bool isAsynchronous = false, CancellationToken cancellationToken = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/leases")
        {
            Content = JsonContent.Create(new { worker_id = worker, ttl, wait, resources = kinds.Select(kind => new { kind = kind.Key, count = kind.Value }) }),
        };
        if (key is not null)
            request.Headers.Add("Idempotency-Key", key);
        if (isAsynchronous)
            request.Headers.Add("Prefer", "respond-async");
        return server.Client.SendAsync(request, cancellationToken);
    }

    public static async Task<HeldLease> GrantedAsync(this Task<HttpResponseMessage> asked)
    {
        using var answer = await asked;
        ((int)answer.StatusCode).ShouldBe(201, await answer.Content.ReadAsStringAsync());
        return HeldLease.Read(await answer.Content.ReadFromJsonAsync<JsonElement>());
    }

    public static async Task<(int Status, DateTimeOffset? ExpiresAt)> RenewAsync(this Server server, HeldLease lease)
    {
        using var answer = await server.Client.PostAsJsonAsync($"/v1/leases/{lease.Id}/renew", new { fence = lease.Fence });
        return ((int)answer.StatusCode, answer.IsSuccessStatusCode ? (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("expires_at").GetDateTimeOffset() : null);
    }

    public static async Task<int> ReleaseAsync(this Server server, HeldLease lease)
    {
        using var answer = await server.Client.DeleteAsync($"/v1/leases/{lease.Id}?fence={lease.Fence}");
        return (int)answer.StatusCode;
    }

    /// <summary>Calls the endpoint behind a resource's door, and tells it who calls.</summary>
    public static async Task<int> UseAsync(this Server server, HeldLease lease, HeldResource resource)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{resource.Door}/use?fence={lease.Fence}&lease={lease.Id}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", resource.Token);
        using var answer = await server.Client.SendAsync(request);
        return (int)answer.StatusCode;
    }

    public static async Task<IReadOnlyList<(string Id, string State)>> ResourcesAsync(this Server server)
    {
        var page = await server.Client.GetFromJsonAsync<JsonElement>("/v1/resources?limit=1000");
        return [.. page.GetProperty("data").EnumerateArray().Select(resource => (resource.GetProperty("id").GetString()!, resource.GetProperty("state").GetString()!))];
    }

    /// <summary>Waits until every resource is free.</summary>
    /// <returns>When that was so.</returns>
    public static async Task<DateTimeOffset> AllFreeAsync(this Server server, int count)
    {
        for (var look = 0; ; look++)
        {
            var resources = await server.ResourcesAsync();
            if (resources.Count == count && resources.All(resource => resource.State == "free"))
                return TimeProvider.System.GetUtcNow();
            look.ShouldBeLessThan(1500, string.Join(", ", resources.Where(resource => resource.State != "free")));
            await Task.Delay(20);
        }
    }
}
