using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Leases.Fleet;
using Weir.State;

namespace Weir.Leases.Broker;

/// <summary>Grants those who wait as soon as it is their turn: looks at each change of the view, and once a second besides.</summary>
internal sealed partial class LeaseQueue(FleetView view, LeasePicks picks, LeaseGrants grants, LeaseCommits commits, TimeProvider time, ILogger<LeaseQueue> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _wake = new(0, 1);

    /// <summary>Something may be free again that the view does not tell.</summary>
    public void Wake()
    {
        try
        {
            if (_wake.CurrentCount == 0)
                _wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // Somebody else woke it.
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        view.Changed += WakeIfAnyWaits;
        try
        {
            await view.Known.WaitAsync(stoppingToken);
            while (!stoppingToken.IsCancellationRequested)
            {
                GrantAll();
                await _wake.WaitAsync(Period, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What is being granted goes on to its end.
        }
        finally
        {
            view.Changed -= WakeIfAnyWaits;
        }
    }

    private void WakeIfAnyWaits()
    {
        bool any;
        lock (view.Sync)
            any = view.Tables.Line.Count > 0;
        if (any)
            Wake();
    }

    private void GrantAll()
    {
        try
        {
            // On stale knowledge every grant would only lose.
            if (!view.IsCurrent)
                return;
            var seen = view.Revision;
            foreach (var grant in picks.GrantWaiting(commits.Now))
                _ = RunAsync(grant, seen);
        }
        catch (Exception fault)
        {
            LogFailed(fault);
        }
    }

    private async Task RunAsync(Grant grant, long seen)
    {
        try
        {
            var result = await grants.RunAsync(grant);
            if (result.End is GrantEnd.Ready)
                return;
            await view.MovedAsync(seen, CancellationToken.None);
            Wake();
        }
        catch (StoreUnavailableException away)
        {
            // It still waits, and is tried again in the next period.
            LogAway(grant.Lease.Id, away.Message);
        }
        catch (Exception fault)
        {
            LogFailed(fault);
        }
    }

    [LoggerMessage(EventName = "LeaseQueueFailed", Level = LogLevel.Error, Message = "Those who wait for leases could not be served; it is tried again within a second.")]
    private partial void LogFailed(Exception fault);

    [LoggerMessage(EventName = "LeaseGrantAway", Level = LogLevel.Warning, Message = "Lease {Lease} could not be granted now: {Reason}")]
    private partial void LogAway(string lease, string reason);
}
