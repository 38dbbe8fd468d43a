using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Upkeep.Resets;

/// <summary>After a start, learns which instances of a former run still stand. Nothing is made or ended of a sort before that.</summary>
internal sealed partial class InstanceAdoption(
    IFleetView view, KnownKinds kinds, ResourceKinds sorts, IHomes homes, FleetCommits commits, LeaseTaking taking, TimeProvider time, ILogger<InstanceAdoption> logger)
{
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly ILogger _logger = logger;
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _done = new(StringComparer.Ordinal);

    public bool IsDone(string sort) => Of(sort).Task.IsCompleted;

    public Task WhenDoneAsync(string sort, CancellationToken cancellationToken) => Of(sort).Task.WaitAsync(cancellationToken);

    /// <summary>Ends when all sorts are done, or are given up by the token. The view is known.</summary>
    public Task RunAsync(Action<Stored<ResourceRecord>, KnownKind, ResourceInstance> adopted, Action done, CancellationToken stoppingToken) =>
        Task.WhenAll(sorts.All.Select(sort => RunAsync(sort, adopted, done, stoppingToken)));

    private async Task RunAsync(RegisteredKind sort, Action<Stored<ResourceRecord>, KnownKind, ResourceInstance> adopted, Action done, CancellationToken stoppingToken)
    {
        await Task.Yield();
        for (var pause = FirstPause; !stoppingToken.IsCancellationRequested; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                await AdoptAsync(sort, adopted, stoppingToken).ConfigureAwait(false);
                Of(sort.Sort.Name).TrySetResult();
                done();
                return;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                LogFailed(fault, sort.Sort.Name, pause);
            }

            await Task.Delay(pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task AdoptAsync(RegisteredKind sort, Action<Stored<ResourceRecord>, KnownKind, ResourceInstance> adopted, CancellationToken stoppingToken)
    {
        var known = view.Resources().Where(resource => resource.Value.Home == homes.Own && ResourceKinds.SortOf(resource.Value.Kind) == sort.Sort.Name)
            .Select(resource => (Resource: resource, Instance: taking.InstanceOf(resource), Kind: kinds.Find(resource.Value.Kind) ?? kinds.Gone(resource.Value.Kind)))
            .Where(entry => entry is { Instance: not null, Kind: not null }).ToList();
        using var limit = new CancellationTokenSource(Within, time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stoppingToken);
        var standing = await sort.Implementation.AdoptAsync([.. known.Select(entry => new KindResource(entry.Resource.Value with { Instance = entry.Instance }, entry.Kind!.Options))], ends.Token).AsTask()
            .WaitAsync(ends.Token).ConfigureAwait(false);
        foreach (var (resource, instance, kind) in known)
        {
            if (!standing.Contains(instance!.Id))
                await LostAsync(resource, instance.Id, stoppingToken).ConfigureAwait(false);
            else if (resource.Value.Instance is null)
                adopted(resource, kind!, instance);
        }

        if (known.Count > 0)
            LogAdopted(sort.Sort.Name, standing.Count, known.Count - standing.Count);
    }

    // What is being reset or is quarantined is made anew in any case.
    private async Task LostAsync(Stored<ResourceRecord> seen, string instance, CancellationToken stoppingToken)
    {
        while (view.Resource(seen.Value.Id) is { } resource && taking.InstanceOf(resource)?.Id == instance)
        {
            var isDone = resource.Value.State switch
            {
                ResourceState.Leased => await taking.TakeAsync(resource.Value.Id, resource.Version, record => record.Resetting(null), "resource_lost", ResourceLost.Reason(resource.Value), stoppingToken).ConfigureAwait(false),
                ResourceState.Free => await commits.TryAsync(resource, resource.Value.Freed(null), stoppingToken).ConfigureAwait(false) is not null,
                _ => true,
            };
            if (isDone)
                return;
            await commits.CatchUpAsync(stoppingToken).ConfigureAwait(false);
        }
    }

    private TaskCompletionSource Of(string sort) => _done.GetOrAdd(sort, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    [LoggerMessage(EventName = "InstancesAdopted", Level = LogLevel.Information, Message = "Of the instances of {Sort} that a former run has left, {Standing} stand and {Lost} have ended.")]
    private partial void LogAdopted(string sort, int standing, int lost);

    [LoggerMessage(EventName = "AdoptionFailed", Level = LogLevel.Error, Message = "Which instances of {Sort} still stand could not be told; nothing is done with them, and it is tried again in {Pause}.")]
    private partial void LogFailed(Exception exception, string sort, TimeSpan pause);
}

/// <summary>What is told of a resource whose instance has ended under a lease.</summary>
internal static class ResourceLost
{
    public static string Reason(ResourceRecord record) => record.Kind == "vm" || record.Kind.StartsWith("vm:", StringComparison.Ordinal) ? $"the desktop ended ({record.Id})" : $"what stood behind {record.Id} ended";
}
