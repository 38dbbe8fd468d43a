using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;

namespace Weir.Leases.Upkeep;

/// <summary>
/// The kinds of the configuration: makes those that are missing, at start and where the configuration changes. What is stored counts from then on; what the store itself has forgotten is made again.
/// </summary>
public sealed partial class ConfiguredKinds : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly IStateStore _store;
    private readonly FleetCommits _commits;
    private readonly KindSorts _sorts;
    private readonly FleetView _view;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly string _partition;
    private readonly ConcurrentDictionary<string, string> _faults = new(StringComparer.Ordinal);
    private readonly Lock _sync = new();

    // Those that have not been looked at since they were configured, or since the store forgot them.
    private readonly HashSet<string> _left = new(StringComparer.Ordinal);
    private volatile IReadOnlyDictionary<string, KindOptions> _options = new Dictionary<string, KindOptions>();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal ConfiguredKinds(IStateStore store, FleetCommits commits, KindSorts sorts, FleetView view, LeaseFleet fleet, TimeProvider time, ILogger<ConfiguredKinds> logger)
    {
        (_store, _commits, _sorts, _view, _time, _logger) = (store, commits, sorts, view, time, logger);
        _partition = fleet.Partition;
    }

    /// <summary>Why a kind of the configuration could not be made, in a sentence; by name.</summary>
    public IReadOnlyDictionary<string, string> Faults => _faults;

    internal IReadOnlyDictionary<string, KindOptions> Options => _options;

    /// <summary>From now on these.</summary>
    public void Apply(IReadOnlyDictionary<string, KindOptions> options)
    {
        // One that an operator has ended is not made again because something else was changed.
        if (options.Count == _options.Count && options.All(entry => _options.TryGetValue(entry.Key, out var before) && KindDrift.AreSame(before, entry.Value)))
            return;
        Begin(options, options.Keys);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _view.Forgot += Again;
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                var (options, left, changed) = Take();
                foreach (var name in _faults.Keys.Where(name => !options.ContainsKey(name)))
                    _faults.TryRemove(name, out _);
                await EnsureAsync(options, left, changed, stoppingToken).ConfigureAwait(false);
                lock (_sync)
                    _left.UnionWith(left);
                await changed.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            _view.Forgot -= Again;
        }
    }

    // One that an operator has ended was deleted by a commit, and is not among them.
    private void Again(IReadOnlyList<string> forgotten) => Begin(_options, forgotten);

    private void Begin(IReadOnlyDictionary<string, KindOptions> options, IEnumerable<string> names)
    {
        TaskCompletionSource before;
        lock (_sync)
        {
            _options = options;
            _left.UnionWith(names);
            (before, _changed) = (_changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        before.TrySetResult();
    }

    private (IReadOnlyDictionary<string, KindOptions> Options, List<string> Left, Task Changed) Take()
    {
        lock (_sync)
        {
            var options = _options;
            List<string> left = [.. options.Keys.Where(_left.Contains)];
            _left.Clear();
            return (options, left, _changed.Task);
        }
    }

    // Ends when each that is left is there or cannot be, or when there is something newer to do.
    private async Task EnsureAsync(IReadOnlyDictionary<string, KindOptions> options, List<string> left, Task changed, CancellationToken stoppingToken)
    {
        for (var pause = FirstPause; left.Count > 0 && !changed.IsCompleted && !stoppingToken.IsCancellationRequested; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                while (left.Count > 0)
                {
                    await EnsureAsync(left[0], options[left[0]], stoppingToken).ConfigureAwait(false);
                    left.RemoveAt(0);
                }

                return;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (StoreUnavailableException e)
            {
                LogAway(left[0], e.Message, pause);
            }
            catch (Exception fault)
            {
                LogFailed(fault, left[0], pause);
            }

            await Task.WhenAny(changed, Task.Delay(pause, _time, stoppingToken)).ConfigureAwait(false);
        }
    }

    private async Task EnsureAsync(string name, KindOptions options, CancellationToken cancellationToken)
    {
        _faults.TryRemove(name, out _);
        while (true)
        {
            if (await _store.ReadAsync(_partition, LeaseDocuments.Kinds + name, cancellationToken).ConfigureAwait(false) is { } document)
            {
                if (LeaseDocuments.ReadKind(document.Body.Span) is { } stored && KindDrift.Between(stored.Options, options) is { Count: > 0 } differences)
                    LogDiffers(name, string.Join("; ", differences));
                return;
            }

            if (await FaultAsync(name, options, cancellationToken).ConfigureAwait(false) is { } fault)
            {
                _faults[name] = fault;
                LogFault(name, fault);
                return;
            }

            // Lost: another replica was first. Made: an operator may have ended it by now, which is not looked at.
            if (await _commits.TryAsync([new Write(LeaseDocuments.Kinds + name, 0, LeaseDocuments.Write(new KindRecord(name, options)))], cancellationToken).ConfigureAwait(false) is not null)
                return;
        }
    }

    private async Task<string?> FaultAsync(string name, KindOptions options, CancellationToken cancellationToken)
    {
        var others = await _store.ListAsync(_partition, LeaseDocuments.Kinds, null, FleetCommits.MostWrites, cancellationToken).ConfigureAwait(false);
        var faults = KindFaults.Of(_sorts, name, options, others.Select(document => LeaseDocuments.ReadKind(document.Body.Span)).OfType<KindRecord>().Select(kind => KeyValuePair.Create(kind.Name, kind.Options)));
        return faults.Count == 0 ? null : string.Join(" ", faults.Select(fault => fault.Setting.Length == 0 ? fault.Message : $"{fault.Setting} {fault.Message}"));
    }

    [LoggerMessage(EventName = "KindDiffers", Level = LogLevel.Warning, Message = "The kind {Kind} is not as configured, and stays as it is stored until 'weir apply': {Differences}")]
    private partial void LogDiffers(string kind, string differences);

    [LoggerMessage(EventName = "KindFault", Level = LogLevel.Error, Message = "The configured kind {Kind} cannot be made: {Fault}")]
    private partial void LogFault(string kind, string fault);

    [LoggerMessage(EventName = "KindAway", Level = LogLevel.Warning, Message = "The configured kind {Kind} waits for the store and is looked at again in {Pause}: {Reason}")]
    private partial void LogAway(string kind, string reason, TimeSpan pause);

    [LoggerMessage(EventName = "KindFailed", Level = LogLevel.Error, Message = "The configured kind {Kind} failed and is looked at again in {Pause}.")]
    private partial void LogFailed(Exception exception, string kind, TimeSpan pause);
}
