using Microsoft.Extensions.Logging;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Upkeep.Resets;

/// <summary>Instances that were made for a grant, and so are named by no resource's document while the grant lasts. Whatever outlives its grant is ended.</summary>
internal sealed partial class MadeInstances(
    KnownKinds kinds, IHomes homes, InstanceAdoption adoption, IFleetView view, UpkeepLimits limits, UpkeepMetrics metrics, TimeProvider time, ILogger<MadeInstances> logger, IHomeInstances? elsewhere = null) : IInstances
{
    private static readonly TimeSpan EndAgainAfter = TimeSpan.FromSeconds(10);

    private readonly ILogger _logger = logger;
    private readonly Lock _sync = new();
    private readonly Dictionary<string, Made> _made = new(StringComparer.Ordinal);

    // What the documents of this home name, by instance, and which of those a reset has ended.
    private readonly HashSet<string> _ended = new(StringComparer.Ordinal);
    private Dictionary<string, Stored<ResourceRecord>> _named = new(StringComparer.Ordinal);

    public bool AreKnown(string kind) => adoption.IsDone(ResourceKinds.SortOf(kind));

    public async ValueTask<KindResult<ResourceInstance>> EnsureAsync(Stored<ResourceRecord> resource, string leaseId, CancellationToken cancellationToken)
    {
        var record = resource.Value;
        if (record.Instance is { } has)
            return await StandsAsync(resource, cancellationToken).ConfigureAwait(false) ? KindResult.Of(has) : KindResult.Failed<ResourceInstance>(new LeaseError(503, "resource_lost", ResourceLost.Reason(record)));
        if (kinds.Find(record.Kind) is not { HasInstances: true } kind)
            return KindResult.Failed<ResourceInstance>(new LeaseError(503, "unavailable", $"The kind '{record.Kind}' has just been changed or ended.") { RetryAfter = TimeSpan.FromSeconds(1) });
        var instance = new ResourceInstance(ResourceInstance.IdOf(record.Id, resource.Version), null) { Definition = kind.Definition };
        if (record.Home != homes.Own)
            return elsewhere is null ? KindResult.Of(instance) : await elsewhere.MakeAsync(resource, leaseId, cancellationToken).ConfigureAwait(false);

        // Before that, what is made might be taken for what a former run has left.
        await adoption.WhenDoneAsync(kind.Sort.Name, cancellationToken).ConfigureAwait(false);
        Made? made;
        lock (_sync)
        {
            if (!_made.TryGetValue(instance.Id, out made))
                _made[instance.Id] = made = new Made(resource, kind, instance);
        }

        return await made.Begin(CreateAsync).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Another replica may have granted what a former run has left here before anybody has looked at it: what has ended is taken from the lease by then.</summary>
    private async ValueTask<bool> StandsAsync(Stored<ResourceRecord> resource, CancellationToken cancellationToken)
    {
        if (resource.Value.Home != homes.Own || AreKnown(resource.Value.Kind))
            return true;
        await adoption.WhenDoneAsync(ResourceKinds.SortOf(resource.Value.Kind), cancellationToken).ConfigureAwait(false);
        return view.Resource(resource.Value.Id)?.Version == resource.Version;
    }

    /// <summary>One of a former run stands: it is the grant's as before.</summary>
    public void Adopt(Stored<ResourceRecord> resource, KnownKind kind, ResourceInstance instance)
    {
        var made = new Made(resource, kind, instance);
        _ = made.Begin(_ => Task.FromResult(KindResult.Of(instance)));
        lock (_sync)
            _made[instance.Id] = made;
    }

    /// <summary>
    /// Learns what documents name. An instance that was named and is no more, though no reset has ended it, has lost its document: to a store that came back without it, or to others that took this home
    /// for gone. It is one that outlives its grant.
    /// </summary>
    /// <param name="own">The resources of this home as they are now.</param>
    /// <param name="isBusy">Whether something is done to a resource; what that makes is looked at when it is over.</param>
    public void See(IEnumerable<Stored<ResourceRecord>> own, Func<string, bool> isBusy)
    {
        var named = own.Where(resource => resource.Value.Instance is not null).DistinctBy(resource => resource.Value.Instance!.Id).ToDictionary(resource => resource.Value.Instance!.Id, StringComparer.Ordinal);
        List<Stored<ResourceRecord>> lost = [];
        lock (_sync)
        {
            foreach (var (id, resource) in _named)
            {
                if (named.ContainsKey(id) || _ended.Contains(id) || _made.ContainsKey(id))
                    continue;
                if (isBusy(resource.Value.Id))
                    named.Add(id, resource);
                else
                    lost.Add(resource);
            }

            _named = named;
            _ended.IntersectWith(named.Keys);
        }

        foreach (var resource in lost)
        {
            if ((kinds.Find(resource.Value.Kind) ?? kinds.Gone(resource.Value.Kind)) is not { } kind)
                continue;
            LogUnnamed(resource.Value.Instance!.Id, resource.Value.Id);
            Adopt(resource, kind, resource.Value.Instance!);
        }
    }

    /// <summary>A document names an instance that is about to be made.</summary>
    public void Named(Stored<ResourceRecord> resource)
    {
        lock (_sync)
            _named[resource.Value.Instance!.Id] = resource;
    }

    /// <summary>A reset has ended an instance that a document still names.</summary>
    public void Ended(string instanceId)
    {
        lock (_sync)
            _ended.Add(instanceId);
    }

    /// <summary>Before an instance is ended: nobody is making it any more.</summary>
    public async Task SettledAsync(string instanceId, CancellationToken cancellationToken)
    {
        Made? made;
        lock (_sync)
            made = _made.GetValueOrDefault(instanceId);
        if (made is null)
            return;
        await made.StopAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        lock (_sync)
            _made.Remove(instanceId);
    }

    /// <summary>Ends those whose grant is over and that no document names.</summary>
    public void Sweep(CancellationToken stoppingToken)
    {
        Made[] all;
        lock (_sync)
            all = [.. _made.Values];
        foreach (var made in all.Where(made => !made.IsEnding && IsOver(made)))
        {
            made.IsEnding = true;
            _ = EndAsync(made, stoppingToken);
        }
    }

    private bool IsOver(Made made)
    {
        var granted = made.Resource;
        if (view.Revision < granted.Version)
            return false;
        var now = view.Resource(granted.Value.Id);
        // Named by the document: a reset ends it.
        return now?.Version != granted.Version && now?.Value.Instance?.Id != made.Instance.Id;
    }

    private async Task<KindResult<ResourceInstance>> CreateAsync(Made made)
    {
        var (kind, began) = (made.Kind, time.GetTimestamp());
        var resource = new KindResource(made.Resource.Value with { Instance = made.Instance }, kind.Options);
        var done = await BoundedEffect.RunAsync(token => kind.Implementation.CreateAsync(resource, token), kind.Options.InitialiseWithin, limits.Grace, time, made.Ends.Token).ConfigureAwait(false);
        metrics.Made(kind.Name, done.Result.Error, time.GetElapsedTime(began));
        made.Lingering = done.Lingering;
        return done.Result.Error is { } error ? KindResult.Failed<ResourceInstance>(error) : KindResult.Of(made.Instance with { Data = done.Result.Value });
    }

    private async Task EndAsync(Made made, CancellationToken stoppingToken)
    {
        try
        {
            await made.StopAsync().WaitAsync(stoppingToken).ConfigureAwait(false);
            var resource = new KindResource(made.Resource.Value with { Instance = made.Instance }, made.Kind.Options);
            var done = await BoundedEffect.RunAsync(
                async token =>
                {
                    await made.Kind.Implementation.DestroyAsync(resource, token).ConfigureAwait(false);
                    return KindResult.Of(true);
                },
                made.Kind.Options.ResetWithin, limits.Grace, time, stoppingToken).ConfigureAwait(false);
            if (done.Result.Error is null)
            {
                lock (_sync)
                    _made.Remove(made.Instance.Id);
                return;
            }

            LogStands(made.Resource.Value.Id, made.Instance.Id, done.Result.Error.Message, EndAgainAfter);
            await Task.Delay(EndAgainAfter, time, stoppingToken).ConfigureAwait(false);
            made.IsEnding = false;
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The next start ends it.
        }
        catch (Exception fault)
        {
            LogStands(made.Resource.Value.Id, made.Instance.Id, fault.Message, EndAgainAfter);
            await Task.Delay(EndAgainAfter, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            made.IsEnding = false;
        }
    }

    private sealed class Made(Stored<ResourceRecord> resource, KnownKind kind, ResourceInstance instance)
    {
        private readonly Lock _sync = new();
        private Task<KindResult<ResourceInstance>>? _making;

        public Stored<ResourceRecord> Resource => resource;

        public KnownKind Kind => kind;

        public ResourceInstance Instance => instance;

        public CancellationTokenSource Ends { get; } = new();

        public Task? Lingering { get; set; }

        public bool IsEnding { get; set; }

        public Task<KindResult<ResourceInstance>> Begin(Func<Made, Task<KindResult<ResourceInstance>>> create)
        {
            lock (_sync)
                return _making ??= Task.Run(() => create(this));
        }

        public async Task StopAsync()
        {
            await Ends.CancelAsync().ConfigureAwait(false);
            Task making;
            lock (_sync)
                making = _making ??= Task.FromCanceled<KindResult<ResourceInstance>>(new CancellationToken(true));
            await making.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (Lingering is { } late)
                await late.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(EventName = "InstanceUnnamed", Level = LogLevel.Warning, Message = "The instance {Instance} of {Resource} has lost its document and is ended.")]
    private partial void LogUnnamed(string instance, string resource);

    [LoggerMessage(EventName = "InstanceStands", Level = LogLevel.Warning, Message = "The instance {Instance} of {Resource}, whose lease has ended, could not be ended and is tried again in {After}: {Reason}")]
    private partial void LogStands(string resource, string instance, string reason, TimeSpan after);
}
