using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;

namespace Weir.Leases.Doors;

/// <summary>
/// The requests under way through doors, and the one place that cuts them: when the lease ends, in store time, when it is given back, when the resource is
/// taken from it, when the key that made it is revoked or expires, and when the feed of leases is behind. It watches only while there are any.
/// </summary>
internal sealed partial class DoorTraffic : IDisposable
{
    /// <summary>How many requests one resource serves its lease at once.</summary>
    public const int MostAtOnce = 256;

    // How often the feed, and what ends by time alone, is looked at while requests are under way.
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly IFleetView _view;
    private readonly ResourceDoors _doors;
    private readonly ISessionRights _rights;
    private readonly FeedFreshness _freshness;
    private readonly IStoreClock _clock;
    private readonly TimeProvider _time;
    private readonly ILogger<DoorTraffic> _log;
    private readonly Lock _sync = new();
    private readonly Dictionary<Way, Grant> _grants = [];
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private bool _isWatching;

    public DoorTraffic(IFleetView view, ResourceDoors doors, ISessionRights rights, FeedFreshness freshness, IStateStore store, TimeProvider time, ILogger<DoorTraffic> log)
    {
        (_view, _doors, _rights, _freshness, _clock, _time, _log) = (view, doors, rights, freshness, store.Clock, time, log);
        view.Changed += Look;
        rights.Changed += Look;
    }

    /// <summary>Requests under way.</summary>
    public int Count
    {
        get
        {
            lock (_sync)
                return _grants.Values.Sum(grant => grant.Passages);
        }
    }

    /// <summary>Lets a request in that the door has checked. It is to be disposed when the request has ended.</summary>
    /// <returns>Null: so many are under way already.</returns>
    public DoorPassage? Pass(LeasedResource resource, DoorPurpose purpose)
    {
        var way = new Way(resource.Resource.Id, new DoorClaim(resource.Session.LeaseId, resource.Session.Fence), purpose);
        Grant? grant;
        lock (_sync)
        {
            if (!_grants.TryGetValue(way, out grant))
                _grants.Add(way, grant = new Grant(way));
            if (grant.Passages == MostAtOnce)
                return null;
            grant.Passages++;
            if (!_isWatching)
            {
                _isWatching = true;
                _ = Task.Run(WatchAsync);
            }
        }

        // What ended between the check and here has been looked at already.
        if (Refusal(way) is { } error)
            Cut(grant, error);
        Look();
        return new DoorPassage(grant, () => Leave(grant));
    }

    public void Dispose()
    {
        _view.Changed -= Look;
        _rights.Changed -= Look;
    }

    private void Look() => _changed.Writer.TryWrite(true);

    /// <summary>Why nobody may be here any more, as far as this replica has read. Keys say nothing of what replicas do for each other before a lease is used.</summary>
    private LeaseError? Refusal(Way way)
    {
        var (resource, error) = _doors.Judge(way.Resource, way.Claim);
        return error ?? (way.Purpose == DoorPurpose.Use ? _rights.Refusal(resource!.Session) : null);
    }

    private void Leave(Grant grant)
    {
        lock (_sync)
        {
            // Where it was cut, another may stand under its key by now.
            if (--grant.Passages == 0 && _grants.GetValueOrDefault(grant.Way) == grant)
                _grants.Remove(grant.Way);
        }
    }

    private async Task WatchAsync()
    {
        try
        {
            await WatchUntilNoneAsync();
        }
        catch (Exception fault)
        {
            lock (_sync)
                _isWatching = false;
            LogUnverified(fault);
            CutAll(ResourceDoors.FeedBehind);
        }
    }

    private async Task WatchUntilNoneAsync()
    {
        var verified = _time.GetTimestamp();
        while (Sweep() is { } next)
        {
            using (var limit = new CancellationTokenSource(next, _time))
            {
                try
                {
                    // Cancelled rather than left behind: a read that nobody waits for takes the next change from whoever does.
                    await _changed.Reader.ReadAsync(limit.Token);
                }
                catch (OperationCanceledException)
                {
                    // The nearest end, or time to look at the feed.
                }
            }

            if (_time.GetElapsedTime(verified) < Period)
                continue;
            verified = _time.GetTimestamp();
            // Not awaited: ends are to be kept meanwhile.
            _ = VerifyAsync();
        }
    }

    private async Task VerifyAsync()
    {
        try
        {
            if (!await _freshness.IsFreshAsync(CancellationToken.None))
                CutAll(ResourceDoors.FeedBehind);
        }
        catch (Exception fault)
        {
            // Who cannot tell whether leases hold keeps nothing open.
            LogUnverified(fault);
            CutAll(ResourceDoors.FeedBehind);
        }
    }

    /// <summary>Cuts what has ended.</summary>
    /// <returns>When to look again at the latest. Null: nothing is under way any more.</returns>
    private TimeSpan? Sweep()
    {
        Grant[] grants;
        lock (_sync)
        {
            if (_grants.Count == 0)
            {
                _isWatching = false;
                return null;
            }

            grants = [.. _grants.Values];
        }

        var next = Period;
        foreach (var grant in grants)
        {
            if (Refusal(grant.Way) is { } error)
                Cut(grant, error);
            else if (_doors.EndOf(grant.Way.Claim.LeaseId) - _clock.Now is { } left && left < next)
                next = left;
        }

        var shortest = TimeSpan.FromMilliseconds(1);
        return next < shortest ? shortest : next;
    }

    private void CutAll(LeaseError error)
    {
        Grant[] grants;
        lock (_sync)
            grants = [.. _grants.Values];
        foreach (var grant in grants)
            Cut(grant, error);
    }

    private void Cut(Grant grant, LeaseError error)
    {
        lock (_sync)
        {
            if (grant.Error is not null)
                return;
            grant.Error = error;
            // It takes nobody in any more: who comes after, if the claim holds again, begins another.
            _grants.Remove(grant.Way);
        }

        // Whoever is told ends by itself; none of it runs here.
        _ = grant.Source.CancelAsync();
    }

    [LoggerMessage(EventName = "DoorsUnverified", Level = LogLevel.Error, Message = "Whether the feed of leases is behind could not be told; requests under way through doors are cut.")]
    private partial void LogUnverified(Exception fault);

    /// <summary>What is under way by one right to one resource.</summary>
    internal readonly record struct Way(string Resource, DoorClaim Claim, DoorPurpose Purpose);

    /// <summary>All requests of one grant's resource and purpose; they are cut together.</summary>
    internal sealed class Grant(Way way)
    {
        public Way Way => way;

        // Without a timer it holds nothing that must be disposed.
        public CancellationTokenSource Source { get; } = new();

        public int Passages { get; set; }

        public LeaseError? Error { get; set; }
    }
}

/// <summary>One request that is on its way through a door.</summary>
internal sealed class DoorPassage(DoorTraffic.Grant grant, Action leave) : IDisposable
{
    private Action? _leave = leave;

    /// <summary>Cancelled when the right to be here ends.</summary>
    public CancellationToken Cut => grant.Source.Token;

    /// <summary>Why it was cut. Null: it was not.</summary>
    public LeaseError? Error => grant.Error;

    public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke();
}
