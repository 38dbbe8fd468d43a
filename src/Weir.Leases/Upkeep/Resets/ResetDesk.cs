using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Leases.Upkeep.Resets;

/// <summary>What is being done to resources here: never two things to one at a time. Work that does not end when its time is up keeps its resource busy until it does.</summary>
internal sealed partial class ResetDesk(ResourceReset reset, TimeProvider time, ILogger<ResetDesk> logger)
{
    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger = logger;
    private readonly Lock _sync = new();
    private readonly Dictionary<string, bool> _busy = new(StringComparer.Ordinal);
    private readonly HashSet<Task> _running = [];

    /// <summary>A resource is not busy any more.</summary>
    public event Action? Ended;

    /// <summary>A copy: the resources that something is done to. The value: an instance is being made.</summary>
    public IReadOnlyDictionary<string, bool> Busy
    {
        get
        {
            lock (_sync)
                return new Dictionary<string, bool>(_busy, StringComparer.Ordinal);
        }
    }

    public bool IsBusy(string resource)
    {
        lock (_sync)
            return _busy.ContainsKey(resource);
    }

    public void Begin(ResetWork work, CancellationToken stoppingToken)
    {
        lock (_sync)
        {
            if (!_busy.TryAdd(work.Resource.Value.Id, work.Creates))
                return;
        }

        var running = RunAsync(work, stoppingToken);
        lock (_sync)
            _running.Add(running);
        _ = ForgetAsync(running);
    }

    /// <summary>After the token was cancelled: what ends, has ended.</summary>
    public async Task StopAsync()
    {
        Task[] running;
        lock (_sync)
            running = [.. _running];
        await Task.WhenAll(running).ConfigureAwait(false);
    }

    private async Task ForgetAsync(Task running)
    {
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_sync)
            _running.Remove(running);
    }

    private async Task RunAsync(ResetWork work, CancellationToken stoppingToken)
    {
        await Task.Yield();
        var id = work.Resource.Value.Id;
        Task? lingering = null;
        try
        {
            lingering = await reset.RunAsync(work, stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
        catch (Exception fault)
        {
            if (fault is StoreUnavailableException)
                LogAway(id, fault.Message);
            else
                LogFailed(fault, id);
            await Task.Delay(AfterFault, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (lingering is null)
            Free(id);
        else
            _ = LingerAsync(id, lingering);
    }

    private async Task LingerAsync(string id, Task lingering)
    {
        LogLingers(id);
        lock (_sync)
            _busy[id] = false;
        await lingering.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Free(id);
    }

    private void Free(string id)
    {
        lock (_sync)
            _busy.Remove(id);
        Ended?.Invoke();
    }

    [LoggerMessage(EventName = "ResetAway", Level = LogLevel.Warning, Message = "The reset of {Resource} waits for the store: {Reason}")]
    private partial void LogAway(string resource, string reason);

    [LoggerMessage(EventName = "ResetBroken", Level = LogLevel.Error, Message = "The reset of {Resource} failed and is tried again.")]
    private partial void LogFailed(Exception exception, string resource);

    [LoggerMessage(EventName = "ResetLingers", Level = LogLevel.Warning, Message = "The reset of {Resource} goes on though its time is up; it is left alone until that has ended.")]
    private partial void LogLingers(string resource);
}
