using Microsoft.Extensions.AI;

namespace Weir.Client;

/// <summary>What one worker holds: renewed at a third of its ttl until it is disposed, which gives it back. Safe from any thread.</summary>
public sealed class AgentLease : IAsyncDisposable
{
    private static readonly TimeSpan ReleaseWithin = TimeSpan.FromSeconds(10);

    private readonly WeirClient _client;
    private readonly LeaseRenewal _renewal;
    private readonly Lock _sync = new();
    private Task? _releasing;

    internal AgentLease(WeirClient client, Lease lease, AgentEnvironmentOptions options, long asked)
    {
        (_client, Lease) = (client, lease);
        Resources = [.. lease.Resources.Select(resource => AgentResource.Of(client, resource))];
        Tools = ResourceTools.Of(Resources, options.Offers);
        if (options.ReleaseAtExit)
            ExitReleases.Add(this);
        _renewal = new LeaseRenewal(client.Leases, lease, options.Ttl, asked, client.Time);
    }

    /// <summary>As it was granted.</summary>
    public Lease Lease { get; }

    public string Id => Lease.Id;

    public string WorkerId => Lease.WorkerId;

    /// <summary>In the order they were asked for.</summary>
    public IReadOnlyList<AgentResource> Resources { get; }

    /// <summary>
    /// What a model can do with the resources, without anything that allocates or gives back. Of a second desktop they are <c>screenshot_2</c>, <c>click_2</c> and so on. A refusal is
    /// thrown as <see cref="WeirException"/>: let the model read its message (<c>FunctionInvokingChatClient.IncludeDetailedErrors</c>).
    /// </summary>
    public IReadOnlyList<AIFunction> Tools { get; }

    /// <summary>The knowledge session, the first where there are several.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public RagResource Rag => First<RagResource>("rag");

    /// <summary>The desktop, the first where there are several.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public DesktopResource Desktop => First<DesktopResource>("vm");

    /// <summary>The first resource of a kind, by the name that it was asked for.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public AgentResource this[string kind] => Resources.FirstOrDefault(resource => resource.Kind == kind)
        ?? throw new KeyNotFoundException($"The lease holds no '{kind}'; it holds: {string.Join(", ", Resources.Select(resource => resource.Kind))}.");

    /// <summary>When it ends without a further renewal, by the server's clock.</summary>
    public DateTimeOffset? ExpiresAt => _renewal.ExpiresAt;

    /// <summary>Cancelled when it has ended without being given back: what it held may be another's now, and refuses this worker.</summary>
    public CancellationToken Lost => _renewal.Lost;

    /// <summary>A sentence. Null: it is not lost.</summary>
    public string? LostReason => _renewal.LostReason;

    /// <summary>What the resources show now.</summary>
    public Task<LeaseObservations> ObserveAsync(CancellationToken cancellationToken = default) => _client.Leases.ObserveAsync(Id, cancellationToken);

    /// <summary>
    /// Ends the renewal and gives everything back. Calls after the first wait for it or do nothing; where it failed, a further one tries again. One that is lost is given back
    /// without error.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting; the lease is given back all the same.</param>
    /// <exception cref="WeirException">Weir could not be told within 10 s: the lease ends by its ttl.</exception>
    public Task ReleaseAsync(CancellationToken cancellationToken = default)
    {
        Task releasing;
        lock (_sync)
        {
            if (_releasing is null or { IsFaulted: true } or { IsCanceled: true })
                _releasing = Task.Run(ReleaseOnceAsync, CancellationToken.None);
            releasing = _releasing;
        }

        return releasing.WaitAsync(cancellationToken);
    }

    /// <summary>As <see cref="ReleaseAsync"/>, and without an error: a lease that cannot be given back ends by its ttl.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await ReleaseAsync().ConfigureAwait(false);
        }
        catch (WeirException)
        {
            // A failure in the caller's own work is what should be seen.
        }

        ExitReleases.Remove(this);
    }

    internal bool IsHeldThrough(WeirClient client) => _client == client;

    public override string ToString() => $"{Id} of {WorkerId}: {string.Join(", ", Resources.Select(resource => resource.Id))}";

    private async Task ReleaseOnceAsync()
    {
        await _renewal.DisposeAsync().ConfigureAwait(false);
        using var late = new CancellationTokenSource(ReleaseWithin, _client.Time);
        try
        {
            await _client.Leases.ReleaseAsync(Lease.Id, Lease.Fence, late.Token).ConfigureAwait(false);
        }
        catch (WeirException exception) when (LeaseRenewal.IsEnd(exception))
        {
            // It is not ours any more.
        }
        catch (OperationCanceledException exception) when (late.IsCancellationRequested)
        {
            throw new WeirException($"The lease {Id} could not be given back within {ReleaseWithin.TotalSeconds:0} s; it ends by its ttl.", exception) { Code = "timeout" };
        }

        ExitReleases.Remove(this);
    }

    private T First<T>(string sort)
        where T : AgentResource =>
        Resources.OfType<T>().FirstOrDefault() ?? throw new InvalidOperationException($"The lease holds no resource of the sort '{sort}'; it holds: {string.Join(", ", Resources.Select(resource => resource.Id))}.");
}
