using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Upkeep.Resets;
using Weir.Leases.Upkeep.Slots;
using Weir.State;

namespace Weir.Leases.Upkeep;

/// <summary>
/// Looks at the fleet whenever something has changed, and brings it to what the definitions ask for: resources that are missing or too many, what has to be reset,
/// made or ended. It decides, and begins; what has effects runs beside it.
/// </summary>
internal sealed partial class FleetUpkeep(
    IFleetView view, KnownKinds kinds, AbleKinds able, FleetCommits commits, InstanceAdoption adoption, MadeInstances made, ResetDesk desk, LeaseTaking taking, IHomes homes, ReplicaName replica,
    UpkeepLimits limits, TimeProvider time, ILogger<FleetUpkeep> logger) : BackgroundService
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(1);

    // Looking takes at most a twentieth of one core, however much changes; but a slow store, which a look may have waited for, is no reason to rest.
    private const int Rest = 20;
    private static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(250);

    private readonly ILogger _logger = logger;
    private readonly HomesGone _gone = new(homes, limits.HomeGoneAfter, time);
    private volatile TaskCompletionSource _pulse = new(TaskCreationOptions.RunContinuationsAsynchronously);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        view.Changed += Pulse;
        able.Changed += Pulse;
        desk.Ended += Pulse;
        Task? adopting = null;
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                // Set before looking: what changes from here on ends the wait.
                var pulse = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _pulse = pulse;
                if (view.IsKnown)
                    adopting ??= adoption.RunAsync(made.Adopt, Pulse, stoppingToken);
                var pause = await LookAsync(pulse.Task, stoppingToken).ConfigureAwait(false);
                await Task.Delay(pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            view.Changed -= Pulse;
            able.Changed -= Pulse;
            desk.Ended -= Pulse;
            await desk.StopAsync().ConfigureAwait(false);
            await (adopting ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Pulse() => _pulse.TrySetResult();

    /// <summary>One look, and the wait until something has changed or is due.</summary>
    /// <returns>How long to rest before the next.</returns>
    private async Task<TimeSpan> LookAsync(Task pulse, CancellationToken stoppingToken)
    {
        var began = time.GetTimestamp();
        try
        {
            var next = view.IsKnown ? await LookAsync(stoppingToken).ConfigureAwait(false) : Longest;
            var took = time.GetElapsedTime(began);
            await pulse.WaitAsync(next, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return took * Rest is var rest && rest < Shortest ? Shortest : rest < LongestRest ? rest : LongestRest;
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return Shortest;
        }
        catch (StoreUnavailableException e)
        {
            LogAway(e.Message);
        }
        catch (Exception fault)
        {
            LogFailed(fault);
        }

        return AfterFault;
    }

    private async Task<TimeSpan> LookAsync(CancellationToken stoppingToken)
    {
        var scene = Scene();
        made.See(scene.Resources.Where(resource => resource.Value.Home == homes.Own), desk.IsBusy);
        made.Sweep(stoppingToken);
        await TakeFromGoneAsync(scene.Resources, stoppingToken).ConfigureAwait(false);
        foreach (var batch in SlotPlan.Of(scene, able.IsAble, _gone.IsGone).Chunk(FleetCommits.MostWrites))
            await WriteAsync(batch, stoppingToken).ConfigureAwait(false);
        var plan = ResetPlan.Of(Scene(), able.IsAble, adoption.IsDone, kinds.Gone, limits.AtOnce);
        foreach (var work in plan.Work)
            desk.Begin(work, stoppingToken);
        var wait = plan.NextAt - commits.Now;
        return wait is null || wait > Longest ? Longest : wait > Shortest ? wait.Value : Shortest;
    }

    // Whoever renews a lease for ever would hold for ever what nobody waits for any more.
    private async Task TakeFromGoneAsync(IReadOnlyList<Stored<ResourceRecord>> resources, CancellationToken stoppingToken)
    {
        foreach (var (record, version) in resources.Where(resource => resource.Value is { State: ResourceState.Leased, Home: { } home } && _gone.IsGone(home)))
        {
            if (await taking.TakeAsync(record.Id, version, held => held.Resetting(null), "resource_lost", $"the replica where {record.Id} lived is gone", stoppingToken).ConfigureAwait(false))
                LogHomeGone(record.Id, record.Home!, limits.HomeGoneAfter);
        }
    }

    // Where one of many was changed meanwhile, the others are not to wait for another look: each half is tried by itself.
    private async Task WriteAsync(Write[] writes, CancellationToken stoppingToken)
    {
        if (await commits.TryAsync(writes, stoppingToken).ConfigureAwait(false) is not null || writes.Length == 1)
            return;
        await WriteAsync(writes[..(writes.Length / 2)], stoppingToken).ConfigureAwait(false);
        await WriteAsync(writes[(writes.Length / 2)..], stoppingToken).ConfigureAwait(false);
    }

    private ResourceScene Scene() => new(kinds.Look(), view.Resources(), homes.Own, replica.Id, commits.Now) { Busy = desk.Busy };

    [LoggerMessage(EventName = "HomeGone", Level = LogLevel.Warning, Message = "{Resource} was taken from its lease: its home {Home} has been away for {After}.")]
    private partial void LogHomeGone(string resource, string home, TimeSpan after);

    [LoggerMessage(EventName = "UpkeepAway", Level = LogLevel.Warning, Message = "The upkeep of resources waits for the store: {Reason}")]
    private partial void LogAway(string reason);

    [LoggerMessage(EventName = "UpkeepFailed", Level = LogLevel.Error, Message = "The upkeep of resources failed and goes on.")]
    private partial void LogFailed(Exception exception);
}
