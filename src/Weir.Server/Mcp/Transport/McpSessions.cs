using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Server.Keys;

namespace Weir.Server.Mcp.Transport;

/// <summary>The sessions of this replica: how many there may be, and when one that nobody uses any more ends.</summary>
internal sealed partial class McpSessions(TimeProvider time, ILogger<McpSessions> log) : BackgroundService, IHostedLifecycleService
{
    public const int Most = 10_000;

    /// <summary>Of one key that is not an admin's: as many as the largest fleet of workers behind one key.</summary>
    public const int MostOfKey = 1_000;

    public static readonly TimeSpan IdleFor = TimeSpan.FromMinutes(30);

    private static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, McpSession> _sessions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _ofKey = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private int _places;

    /// <summary>Sessions, and streams of clients without one.</summary>
    public int Count => Volatile.Read(ref _places);

    /// <summary>The server is about to stop: streams that only listen end now, so that no drain waits for them.</summary>
    public CancellationToken Stopping => _stopping.Token;

    public IEnumerable<McpSession> All => _sessions.Values;

    /// <summary>A session of this key; another key's is not there.</summary>
    public McpSession? Find(string id, Caller caller) => _sessions.TryGetValue(id, out var session) && session.KeyId == caller.KeyId ? session : null;

    /// <summary>Takes the place of one session or stream; each success is followed by one <see cref="GiveBack"/>.</summary>
    public McpFault? TryTake(Caller caller)
    {
        lock (_gate)
        {
            var own = _ofKey.GetValueOrDefault(caller.KeyId);
            if (_places >= Most)
                return Full(503, $"This replica holds {Most:N0} MCP sessions and streams, and takes no more: end some (DELETE /mcp), use another replica, or call tools without a session.");
            if (own >= MostOfKey && !caller.Has(Role.Admin))
                return Full(429, $"This key holds {MostOfKey:N0} MCP sessions and streams, and may hold no more: end some (DELETE /mcp), use another key, or call tools without a session.");
            _ofKey[caller.KeyId] = own + 1;
            _places++;
            return null;
        }
    }

    public void GiveBack(string keyId)
    {
        lock (_gate)
        {
            _places--;
            if (_ofKey[keyId] == 1) _ofKey.Remove(keyId);
            else _ofKey[keyId]--;
        }
    }

    /// <summary>Adds a session, whose place has been taken.</summary>
    public void Add(McpSession session) => _sessions[session.Id] = session;

    /// <summary>Ends a session.</summary>
    /// <returns>False: somebody else has.</returns>
    public async ValueTask<bool> EndAsync(McpSession session)
    {
        if (!_sessions.TryRemove(session.Id, out _)) return false;
        GiveBack(session.KeyId);
        await session.DisposeAsync();
        return true;
    }

    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken) => _stopping.CancelAsync();

    async Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken)
    {
        foreach (var session in _sessions.Values) await EndAsync(session);
    }

    public override void Dispose()
    {
        _stopping.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await ExpireAsync();
    }

    private async Task ExpireAsync()
    {
        foreach (var session in _sessions.Values)
        {
            if (!session.TryExpire(IdleFor)) continue;
            try
            {
                // Its leases go on until their own end: their worker may only be thinking, and finds them again by its id.
                await EndAsync(session);
                LogExpired(session.KeyId, IdleFor);
            }
            catch (Exception fault)
            {
                LogEndFailed(fault);
            }
        }
    }

    private static McpFault Full(int status, string message) => new(status, McpFault.Transport, message) { RetryAfter = TimeSpan.FromSeconds(30) };

    [LoggerMessage(1, LogLevel.Information, "An MCP session of key {KeyId} ended: nothing was asked in it for {Idle}.", EventName = "mcp_session_expired")]
    private partial void LogExpired(string keyId, TimeSpan idle);

    [LoggerMessage(2, LogLevel.Error, "An MCP session could not be ended.", EventName = "mcp_session_end_failed")]
    private partial void LogEndFailed(Exception fault);
}
