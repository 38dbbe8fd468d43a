using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>
/// Every desktop of this machine that is this program's: made, found, taken over after a restart and ended. What it holds in memory is what stands in the folder;
/// nothing else is ever ended.
/// </summary>
internal sealed partial class SandboxHost(SandboxOptions options, TimeProvider time, ILogger<SandboxHost> logger) : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly ILogger _logger = logger;
    private readonly ConcurrentDictionary<string, Sandbox> _standing = new(StringComparer.Ordinal);
    // Between their folder's first moment and their last step; nobody else touches them meanwhile.
    private readonly ConcurrentDictionary<string, bool> _making = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _opening = new(1);
    private SandboxFolder? _folder;
    private Guard? _guard;

    public Sandbox? Find(string instance) => _standing.GetValueOrDefault(instance);

    public bool IsMaking(string instance) => _making.ContainsKey(instance);

    public IEnumerable<Sandbox> Standing => _standing.Values;

    /// <returns>The desktop, or why there is none; then nothing of it is left.</returns>
    public async Task<(Sandbox? Sandbox, string? Fault)> CreateAsync(string instance, SandboxPlan plan, CancellationToken cancellationToken)
    {
        if (!SandboxFolder.IsName(instance))
            return (null, $"'{instance}' cannot be the name of a desktop.");
        SandboxFolder folder;
        try
        {
            folder = await OpenAsync(guarded: true, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            return (null, e.Message);
        }

        var began = time.GetTimestamp();
        if (_standing.ContainsKey(instance) || !_making.TryAdd(instance, true))
            return (null, $"The desktop {instance} is there already.");
        Sandbox? sandbox;
        try
        {
            (sandbox, var fault) = await new SandboxStart(folder, options, time).StartAsync(instance, plan, cancellationToken).ConfigureAwait(false);
            if (sandbox is null)
            {
                LogNotMade(instance, fault);
                return (null, fault);
            }

            _standing[instance] = sandbox;
        }
        finally
        {
            _making.TryRemove(instance, out _);
        }

        var took = time.GetElapsedTime(began).TotalMilliseconds;
        LogMade(instance, sandbox.Width, sandbox.Height, took);
        return (sandbox, null);
    }

    /// <summary>Ends a desktop and forgets it, however often, and also one that was never whole.</summary>
    public async Task DestroyAsync(string instance, CancellationToken cancellationToken)
    {
        if (!SandboxFolder.IsName(instance) || (_folder is null && !Directory.Exists(options.Folder)))
            return;
        var folder = await OpenAsync(guarded: false, cancellationToken).ConfigureAwait(false);
        while (_making.ContainsKey(instance))
            await Task.Delay(Look, time, cancellationToken).ConfigureAwait(false);
        _standing.TryRemove(instance, out var sandbox);
        await EndAsync(folder, instance, sandbox?.Facts ?? folder.Read(instance)).ConfigureAwait(false);
        sandbox?.Dispose();
    }

    /// <summary>Gives a desktop another screen or another thing to open; where that fails it is as good as ended.</summary>
    public async Task<(Sandbox? Sandbox, string? Fault)> ChangeAsync(Sandbox sandbox, int width, int height, string? open, CancellationToken cancellationToken)
    {
        var (display, fault) = await sandbox.ChangeAsync(width, height, open, cancellationToken).ConfigureAwait(false);
        if (fault is not null)
            return (null, fault);
        if ((width, height, display) == (sandbox.Width, sandbox.Height, sandbox.Facts.Display))
            return (sandbox, null);
        var facts = sandbox.Facts with { Width = width, Height = height, Display = display };
        (await OpenAsync(guarded: false, cancellationToken).ConfigureAwait(false)).Write(sandbox.Id, facts);
        if (Sandbox.Open(sandbox.Id, facts) is not { } changed)
            return (null, "The desktop's X server cannot be reached.");
        if (!_standing.TryUpdate(sandbox.Id, changed, sandbox))
        {
            changed.Dispose();
            return (null, "The desktop was ended meanwhile.");
        }

        sandbox.Dispose();
        return (changed, null);
    }

    /// <summary>After a restart: takes over those that are known and stand, and ends all others of the folder.</summary>
    /// <returns>Those that were taken over.</returns>
    public async Task<IReadOnlySet<string>> AdoptAsync(IReadOnlyCollection<string> known, CancellationToken cancellationToken)
    {
        var adopted = new HashSet<string>(StringComparer.Ordinal);
        if (!Directory.Exists(options.Folder))
            return adopted;
        var folder = await OpenAsync(guarded: true, cancellationToken).ConfigureAwait(false);
        foreach (var instance in folder.Instances.ToArray())
        {
            if (_making.ContainsKey(instance))
                continue;
            if (_standing.TryGetValue(instance, out var there) && there.IsAlive)
            {
                adopted.Add(instance);
                continue;
            }

            var facts = folder.Read(instance);
            if (known.Contains(instance) && facts is not null && Sandbox.Open(instance, facts) is { } sandbox)
            {
                _standing[instance] = sandbox;
                adopted.Add(instance);
                LogAdopted(instance);
                continue;
            }

            try
            {
                await EndAsync(folder, instance, facts).ConfigureAwait(false);
                LogLeftover(instance);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or TimeoutException)
            {
                LogNotEnded(e, instance);
            }
        }

        return adopted;
    }

    /// <summary>This program ends: so does each desktop but those to be kept, which the guard ends if nobody takes them over in time.</summary>
    public async Task LeaveAsync(Func<string, bool> keep)
    {
        await Task.WhenAll(_standing.Keys.Where(instance => !keep(instance)).Select(instance => DestroyAsync(instance, CancellationToken.None))).ConfigureAwait(false);
        if (_standing.IsEmpty)
            _guard?.End();
    }

    public void Dispose()
    {
        foreach (var sandbox in _standing.Values)
            sandbox.Dispose();
        _guard?.Dispose();
        _folder?.Dispose();
        _opening.Dispose();
    }

    private async Task EndAsync(SandboxFolder folder, string instance, SandboxFacts? facts)
    {
        if (facts is not null)
            await SandboxEnd.EndAsync(facts, instance, time).ConfigureAwait(false);
        folder.Remove(instance);
    }

    /// <exception cref="IOException">Another process holds the folder, or it cannot be made.</exception>
    private async Task<SandboxFolder> OpenAsync(bool guarded, CancellationToken cancellationToken)
    {
        if (_folder is { } open && (!guarded || _guard is { IsAlive: true }))
            return open;
        await _opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _folder ??= await SandboxFolder.OpenAsync(options.Folder, time, cancellationToken).ConfigureAwait(false);
            if (guarded && _guard is not { IsAlive: true })
            {
                _guard?.Dispose();
                _guard = Guard.Start(_folder.Path, options.GuardWait);
            }

            return _folder;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new IOException("The guard of the desktops cannot be started: " + e.Message, e);
        }
        finally
        {
            _opening.Release();
        }
    }

    [LoggerMessage(EventName = "DesktopMade", Level = LogLevel.Information, Message = "Desktop {Instance} of {Width}x{Height} stands after {Milliseconds:0} ms.")]
    private partial void LogMade(string instance, int width, int height, double milliseconds);

    [LoggerMessage(EventName = "DesktopNotMade", Level = LogLevel.Warning, Message = "Desktop {Instance} was not made: {Reason}")]
    private partial void LogNotMade(string instance, string? reason);

    [LoggerMessage(EventName = "DesktopAdopted", Level = LogLevel.Information, Message = "Desktop {Instance} was taken over from the process before.")]
    private partial void LogAdopted(string instance);

    [LoggerMessage(EventName = "DesktopLeftover", Level = LogLevel.Information, Message = "Desktop {Instance}, which nobody knows any more, was ended.")]
    private partial void LogLeftover(string instance);

    [LoggerMessage(EventName = "DesktopNotEnded", Level = LogLevel.Error, Message = "Desktop {Instance} could not be ended.")]
    private partial void LogNotEnded(Exception exception, string instance);
}
