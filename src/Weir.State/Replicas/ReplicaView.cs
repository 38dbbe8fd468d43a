namespace Weir.State.Replicas;

/// <summary>
/// Who is alive. A replica counts from the moment its announcement is read until its time to live has passed in store time, also
/// where it took the announcement back: others grow into its share no sooner.
/// </summary>
/// <remarks>
/// Nobody is judged dead on stale knowledge: only while this replica has read its own announcements back from the feed, without
/// interruption, for one whole period. Newcomers count at once in any case.
/// </remarks>
public sealed class ReplicaView
{
    /// <summary>How often each replica announces itself.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    /// <summary>How long an announcement holds.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(15);

    /// <summary>How long a replica that is gone still counts as recent: a minute's window, and what slots and clocks add to it.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromSeconds(65);

    internal const string Partition = "replicas";
    internal const string KeyPrefix = "replica/";

    private readonly Lock _sync = new();
    private readonly Dictionary<string, DateTimeOffset> _ends = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (ReplicaAnnouncement Said, long Version)> _said = new(StringComparer.Ordinal);
    private DateTimeOffset? _announcedSince;
    private DateTimeOffset _ownEnd;
    private DateTimeOffset? _readSince;
    private long _ownVersion;
    private long _readVersion;
    private LiveReplicas _current;

    /// <param name="id">This run of this replica: a name that no other has.</param>
    public ReplicaView(string id)
    {
        Id = id;
        _current = new LiveReplicas([id], 1, IsSettled: true);
    }

    public string Id { get; }

    /// <summary>One replica, settled, as long as nothing was announced.</summary>
    public LiveReplicas Current => Volatile.Read(ref _current);

    /// <summary>Raised after <see cref="Current"/> has changed, on whatever thread found out.</summary>
    public event Action? Changed;

    /// <summary>The store is shared: until others have had a minute to learn of this one, it is not settled.</summary>
    internal void Join() => Publish(current => current with { IsSettled = false });

    /// <summary>Our own announcement landed.</summary>
    internal void Announced(long version, DateTimeOffset now)
    {
        lock (_sync)
        {
            // Others may have thought us dead meanwhile, and then need their minute again.
            if (now > _ownEnd)
                _announcedSince = now;
            _ownEnd = now + TimeToLive;
            _ownVersion = version;
            _ends[Id] = _ownEnd;
        }
    }

    /// <summary>The store did not answer, or its feed was broken off.</summary>
    internal void Interrupted()
    {
        lock (_sync)
            _readSince = null;
    }

    /// <summary>Takes in what the feed shows. A removal says nothing that the announcement's end does not say, but that nobody answers there any more.</summary>
    internal void Read(Feed step, DateTimeOffset now)
    {
        lock (_sync)
        {
            switch (step)
            {
                case Feed.Snapshot snapshot:
                    foreach (var document in snapshot.Documents)
                        Put(document, now);
                    break;
                case Feed.Changes changes:
                    foreach (var change in changes.Items)
                    {
                        if (change.Document is { } document)
                            Put(document, now);
                        else
                            _said.Remove(change.Key[KeyPrefix.Length..]);
                    }

                    break;
            }
        }

        Judge(now);
    }

    /// <summary>Looks again at who is alive.</summary>
    internal void Judge(DateTimeOffset now)
    {
        LiveReplicas Look(LiveReplicas before)
        {
            var mayBury = _readSince + Period <= now;
            if (mayBury)
            {
                foreach (var id in _ends.Where(entry => entry.Value + Memory <= now).Select(entry => entry.Key).ToList())
                {
                    _ends.Remove(id);
                    _said.Remove(id);
                }
            }

            var known = mayBury ? [] : before.Ids;
            string[] ids = [.. _ends.Where(entry => entry.Value > now).Select(entry => entry.Key).Union(known).Append(Id).Distinct().Order(StringComparer.Ordinal)];
            return new LiveReplicas(ids, Math.Max(ids.Length, _ends.Count), _announcedSince + Memory + Period <= now) { Homes = HomesOf(ids) };
        }

        Publish(Look);
    }

    /// <summary>Whether the feed has shown our announcement: a reader behind by more than one of them does not read without interruption.</summary>
    internal bool HasRead(long version)
    {
        lock (_sync)
            return version == 0 || (_readSince is not null && _readVersion >= version);
    }

    private void Put(Document document, DateTimeOffset now)
    {
        var id = document.Key[KeyPrefix.Length..];
        if (document.ExpiresAt is { } end)
            _ends[id] = end;
        if (id != Id)
        {
            if (ReplicaAnnouncement.Read(document.Body.Span) is { } said)
                _said[id] = (said, document.Version);
            return;
        }

        _readVersion = Math.Max(_readVersion, document.Version);
        if (document.Version >= _ownVersion)
            _readSince ??= now;
    }

    /// <summary>A replica that was killed and is back counts twice for a while: the later announcement tells where its home is.</summary>
    private Dictionary<string, Uri> HomesOf(string[] ids)
    {
        var homes = new Dictionary<string, Uri>(StringComparer.Ordinal);
        foreach (var (said, _) in ids.Where(_said.ContainsKey).Select(id => _said[id]).OrderBy(entry => entry.Version))
        {
            if (said.Home is not null && Uri.TryCreate(said.Url, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps))
                homes[said.Home] = url;
        }

        return homes;
    }

    private void Publish(Func<LiveReplicas, LiveReplicas> look)
    {
        bool changed;
        lock (_sync)
        {
            var before = _current;
            var after = look(before);
            changed = after.IsSettled != before.IsSettled || after.Recent != before.Recent || !after.Ids.SequenceEqual(before.Ids)
                || after.Homes.Count != before.Homes.Count || after.Homes.Any(home => before.Homes.GetValueOrDefault(home.Key) != home.Value);
            if (changed)
                Volatile.Write(ref _current, after);
        }

        if (changed)
            Changed?.Invoke();
    }
}
