using System.Text.Json.Nodes;

namespace Weir.Client;

/// <summary>
/// Where agents work: which resources each of them needs, for how long, and what its model is told. Made once and kept, safe from any thread;
/// <see cref="AllocateAsync"/> gives each worker a lease of its own.
/// </summary>
public class AgentEnvironment
{
    private readonly WeirClient _client;

    /// <param name="client">Not disposed with this; when it is, what is still held through it is given back.</param>
    /// <param name="resources">What every worker gets, at least one, such as <c>[new("rag"), new("vm") { Count = 2 }]</c>.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="ArgumentException">There are no resources.</exception>
    public AgentEnvironment(WeirClient client, IReadOnlyList<ResourceRequest> resources, AgentEnvironmentOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(resources);
        if (resources.Count == 0)
            throw new ArgumentException("An environment has at least one resource.", nameof(resources));
        (_client, Resources, Options) = (client, [.. resources], options ?? new());
        if (Options.ReleaseAtExit)
            ExitReleases.Arm();
    }

    /// <summary>What every worker gets.</summary>
    public IReadOnlyList<ResourceRequest> Resources { get; }

    /// <summary>How it leases, and what a model sees.</summary>
    public AgentEnvironmentOptions Options { get; }

    /// <summary>What a model is told of where it is. Null: nothing.</summary>
    public string? Prompt => Options.Prompt;

    /// <summary>
    /// All resources for one worker, initialised, at once or when their turn comes; from then on the lease is renewed until it is disposed. Cancelling gives up the place in the
    /// queue.
    /// </summary>
    /// <param name="workerId">Who works, 1 to 200 printable characters.</param>
    /// <param name="configs">What resources are initialised with, by kind, in the place of what <see cref="Resources"/> says. Null: as that says.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="WeirException"><c>wait_expired</c>, <c>impossible</c>, <c>initialisation_failed</c> and others, each with a sentence; nothing is held then.</exception>
    /// <exception cref="ArgumentException">There is a config for a kind that is not leased here.</exception>
    public async Task<AgentLease> AllocateAsync(string workerId, IReadOnlyDictionary<string, JsonNode?>? configs = null, CancellationToken cancellationToken = default)
    {
        var request = new LeaseRequest(workerId, Configured(configs))
        {
            Ttl = Options.Ttl, Wait = Options.Wait, Priority = Options.Priority, Labels = Options.Labels, Observe = Options.Observe,
        };
        var asked = _client.Time.GetTimestamp();
        var lease = await _client.Leases.AllocateAsync(request, cancellationToken).ConfigureAwait(false);
        return new AgentLease(_client, lease, Options, asked);
    }

    private IReadOnlyList<ResourceRequest> Configured(IReadOnlyDictionary<string, JsonNode?>? configs)
    {
        if (configs is null)
            return Resources;
        if (configs.Keys.FirstOrDefault(kind => Resources.All(resource => resource.Kind != kind)) is { } unknown)
            throw new ArgumentException($"There is a config for '{unknown}', which is not leased here; there are: {string.Join(", ", Resources.Select(resource => resource.Kind))}.", nameof(configs));
        return [.. Resources.Select(resource => configs.TryGetValue(resource.Kind, out var config) ? resource with { Config = config } : resource)];
    }
}
