using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Leases.Upkeep.Health;

/// <summary>
/// Checks resources of kinds whose health can be asked for: each on its home, those without one on one of the replicas. What fails again and again is taken out of use; what is
/// quarantined and well again is reset. Each kind has rounds of its own, so that one whose checks hang holds up no other.
/// </summary>
internal sealed partial class HealthRounds(
    IFleetView view, KnownKinds kinds, HealthJudge judge, IHomes homes, ReplicaView replicas, UpkeepLimits limits, TimeProvider time, Random random, ILogger<HealthRounds> logger) : BackgroundService
{
    private readonly ILogger _logger = logger;
    private readonly ConcurrentDictionary<string, Task> _rounds = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(limits.CheckEvery * (0.9 + (0.2 * random.NextDouble())), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stoppingToken.IsCancellationRequested || !view.IsKnown)
                continue;
            foreach (var kind in kinds.Look().All.Where(kind => kind.Has(KindTraits.Checks)))
            {
                if (!_rounds.TryGetValue(kind.Name, out var before) || before.IsCompleted)
                    _rounds[kind.Name] = RoundAsync(kind, stoppingToken);
            }
        }

        await Task.WhenAll(_rounds.Values).ConfigureAwait(false);
    }

    private async Task RoundAsync(KnownKind kind, CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            var mine = view.Resources(kind.Name).Where(resource => IsMine(resource.Value) && judge.Concerns(resource.Value, kind)).ToList();
            await Parallel.ForEachAsync(
                mine,
                new ParallelOptions { MaxDegreeOfParallelism = limits.ChecksAtOnce, CancellationToken = stoppingToken },
                async (resource, token) => await judge.CheckAsync(resource, kind, token).ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
        catch (StoreUnavailableException e)
        {
            LogAway(kind.Name, e.Message);
        }
        catch (Exception fault)
        {
            LogFailed(fault, kind.Name);
        }
    }

    // One replica is enough to ask; which one is told by the ids alone, and changes as little as can be when one comes or goes.
    private bool IsMine(ResourceRecord record) => record.Home is { } home
        ? home == homes.Own
        : replicas.Current.Ids.MaxBy(id => StableHash.Of($"{id}/{record.Id}")) == replicas.Id;

    [LoggerMessage(EventName = "ChecksAway", Level = LogLevel.Warning, Message = "Checks of {Kind} wait for the store: {Reason}")]
    private partial void LogAway(string kind, string reason);

    [LoggerMessage(EventName = "ChecksFailed", Level = LogLevel.Error, Message = "A round of checks of {Kind} failed; the next one follows.")]
    private partial void LogFailed(Exception exception, string kind);
}
