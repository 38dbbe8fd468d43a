using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Client.Wire;

namespace Weir.Client;

/// <summary>Resources for a worker: all that it asks for at once, until it gives them back or its time is over.</summary>
public sealed class LeasesClient
{
    // What the server puts on top of a wait: granting, initialising, and the way here.
    private static readonly TimeSpan BeyondTheWait = TimeSpan.FromMinutes(5);

    private readonly WeirConnection _connection;

    internal LeasesClient(WeirConnection connection) => _connection = connection;

    /// <summary>
    /// All of what is asked for, or nothing: at once, or when its turn comes. Cancelling it gives up the place in the queue. A request whose connection fails is sent
    /// again under the same key, so that it never allocates twice.
    /// </summary>
    /// <exception cref="WeirException"><c>wait_expired</c>, <c>impossible</c>, <c>unknown_kind</c>, <c>initialisation_failed</c> and others, each with a sentence.</exception>
    public Task<Lease> AllocateAsync(LeaseRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return PostAsync(request, isAsynchronous: false, cancellationToken);
    }

    /// <summary>The same without waiting here: the lease comes back as it stands, <c>waiting</c> with its position or <c>ready</c>, and <see cref="GetAsync"/> follows it.</summary>
    public Task<Lease> QueueAsync(LeaseRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return PostAsync(request, isAsynchronous: true, cancellationToken);
    }

    /// <summary>A lease as it stands. Tokens are shown only to the key that asked for it.</summary>
    public Task<Lease> GetAsync(string id, CancellationToken cancellationToken = default) =>
        _connection.SendAsync(HttpMethod.Get, At(id), null, WeirJson.Default.Lease, cancellationToken);

    /// <summary>The leases that this key may see, in pages as they are asked for.</summary>
    /// <param name="workerId">Only this worker's. Null: all.</param>
    /// <param name="state">Only in this state, such as <c>ready</c>. Null: in any.</param>
    /// <param name="kind">Only with this kind. Null: with any.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async IAsyncEnumerable<Lease> ListAsync(
        string? workerId = null, string? state = null, string? kind = null, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        string? after = null;
        do
        {
            var page = await _connection.SendAsync(
                HttpMethod.Get, "v1/leases" + Query(("worker_id", workerId), ("state", state), ("kind", kind), ("after", after)), null, WeirJson.Default.ListOfLease, cancellationToken)
                .ConfigureAwait(false);
            foreach (var lease in page.Data)
                yield return lease;
            // Where a page does not say how to go on, its last lease does.
            after = page.HasMore ? page.After ?? (page.Data is [.., var last] ? last.Id : null) : null;
        }
        while (after is not null);
    }

    /// <summary>Puts the end one ttl from now.</summary>
    /// <param name="id">The lease.</param>
    /// <param name="fence">Its fence, as allocated.</param>
    /// <param name="ttl">1 s to 24 h. Null: the lease's own.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The new end, by the server's clock.</returns>
    /// <exception cref="WeirException"><c>fence_stale</c> (412) and <c>lease_ended</c> (410): it is lost, and what it held may be another's.</exception>
    public async Task<DateTimeOffset> RenewAsync(string id, long fence, TimeSpan? ttl = null, CancellationToken cancellationToken = default) =>
        (await _connection.SendAsync(
            HttpMethod.Post, At(id) + "/renew", WeirContent.Json(new RenewBody(fence, ttl), WeirJson.Default.RenewBody), WeirJson.Default.RenewAnswer, cancellationToken)
            .ConfigureAwait(false)).ExpiresAt;

    /// <summary>Gives all of it back, or a place in the queue up. What has ended, or is forgotten, is given back again without error.</summary>
    /// <exception cref="WeirException"><c>fence_stale</c> (412), <c>not_holder</c> (403).</exception>
    public async Task ReleaseAsync(string id, long fence, CancellationToken cancellationToken = default)
    {
        try
        {
            await _connection.SendAsync(
                HttpMethod.Delete, At(id) + Query(("fence", fence.ToString(System.Globalization.CultureInfo.InvariantCulture))), null, WeirJson.Default.JsonElement, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (WeirException exception) when (exception.Code is "not_found")
        {
            // Ended so long ago that nobody remembers.
        }
    }

    /// <summary>What its resources show now.</summary>
    public async Task<LeaseObservations> ObserveAsync(string id, CancellationToken cancellationToken = default) =>
        LeaseObservations.Of(await _connection.SendAsync(HttpMethod.Get, At(id) + "/observations", null, WeirJson.Default.JsonElement, cancellationToken).ConfigureAwait(false));

    /// <summary>How each kind stands in the whole fleet.</summary>
    public async Task<IReadOnlyList<KindInfo>> KindsAsync(CancellationToken cancellationToken = default) =>
        (await _connection.SendAsync(HttpMethod.Get, "v1/kinds", null, WeirJson.Default.ListOfKindInfo, cancellationToken).ConfigureAwait(false)).Data;

    /// <summary>Makes a kind, or changes it while it runs; needs a key of an admin.</summary>
    /// <param name="kind">Its name: <c>rag</c>, <c>vm</c>, <c>remote:gpu-box</c>.</param>
    /// <param name="definition">As in the configuration: <c>capacity</c>, <c>warm</c> and the kind's own. What is absent stays as it is.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task PutKindAsync(string kind, JsonObject definition, CancellationToken cancellationToken = default) => _connection.SendAsync(
        HttpMethod.Put, "v1/kinds/" + Uri.EscapeDataString(kind), WeirContent.Json(definition, WeirJson.Default.JsonObject), WeirJson.Default.JsonElement, cancellationToken);

    private Task<Lease> PostAsync(LeaseRequest request, bool isAsynchronous, CancellationToken cancellationToken)
    {
        List<(string, string)> headers = [("Idempotency-Key", request.IdempotencyKey ?? Guid.NewGuid().ToString("N"))];
        if (isAsynchronous)
            headers.Add(("Prefer", "respond-async"));
        return _connection.SendAsync(
            HttpMethod.Post, "v1/leases", WeirContent.Json(request, WeirJson.Default.LeaseRequest), WeirJson.Default.Lease, cancellationToken,
            headers, isAsynchronous ? null : (request.Wait ?? LeaseRequest.UsualWait) + BeyondTheWait);
    }

    private static string At(string id) => "v1/leases/" + Uri.EscapeDataString(id);

    private static string Query(params ReadOnlySpan<(string Name, string? Value)> parts)
    {
        var query = new System.Text.StringBuilder();
        foreach (var (name, value) in parts)
        {
            if (value is not null)
                query.Append(query.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }

        return query.ToString();
    }
}
