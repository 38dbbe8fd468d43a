using System.Collections.Frozen;
using Microsoft.Extensions.Logging;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Upkeep;

/// <summary>The kinds of the fleet whose sorts are known here; each is read once for each version of its document.</summary>
internal sealed partial class KnownKinds(IFleetView view, ResourceKinds kinds, ILogger<KnownKinds> logger)
{
    private readonly ILogger _logger = logger;
    private volatile FrozenDictionary<string, Entry> _current = FrozenDictionary<string, Entry>.Empty;

    /// <summary>As they are stored now.</summary>
    public KindScene Look()
    {
        var (stored, before) = (view.Kinds, _current);
        if (stored.Count == before.Count && stored.All(kind => before.TryGetValue(kind.Value.Name, out var entry) && entry.Version == kind.Version))
            return new KindScene(before);
        var current = stored.ToFrozenDictionary(kind => kind.Value.Name, kind => EntryOf(kind, before), StringComparer.Ordinal);
        _current = current;
        return new KindScene(current);
    }

    /// <summary>Null: there is no such kind, or its sort is not known here.</summary>
    public KnownKind? Find(string name) => Look().Find(name);

    /// <summary>What ends the instances of a kind that is gone: an instance's own identity is all that it takes.</summary>
    public KnownKind? Gone(string name) => KindOf(name, new KindOptions());

    private KnownKind? KindOf(string name, KindOptions options) => kinds.Find(name) is { } kind ? new KnownKind(name, options, kind.Sort, kind.Implementation) : null;

    private Entry EntryOf(Stored<KindRecord> stored, FrozenDictionary<string, Entry> known)
    {
        if (known.TryGetValue(stored.Value.Name, out var before) && before.Version == stored.Version)
            return before;
        try
        {
            return new Entry(stored.Version, KindOf(stored.Value.Name, stored.Value.Options));
        }
        catch (Exception fault)
        {
            LogUnreadable(fault, stored.Value.Name);
            return new Entry(stored.Version, null);
        }
    }

    internal sealed record Entry(long Version, KnownKind? Kind);

    [LoggerMessage(EventName = "KindUnreadable", Level = LogLevel.Error, Message = "The definition of the kind {Kind} could not be read by its sort; nothing is done for its resources here.")]
    private partial void LogUnreadable(Exception exception, string kind);
}

/// <summary>All kinds at one moment.</summary>
internal sealed class KindScene(FrozenDictionary<string, KnownKinds.Entry> entries)
{
    public IEnumerable<KnownKind> All => entries.Values.Select(entry => entry.Kind).OfType<KnownKind>();

    /// <summary>It is stored, also where its sort is not known here.</summary>
    public bool IsStored(string name) => entries.ContainsKey(name);

    public KnownKind? Find(string name) => entries.GetValueOrDefault(name)?.Kind;
}
