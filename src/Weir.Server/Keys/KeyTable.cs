using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;

namespace Weir.Server.Keys;

/// <summary>All stored keys at one revision. Immutable: replaced by one reference swap.</summary>
internal sealed class KeyTable
{
    public static readonly KeyTable Empty = new([], []);

    private readonly FrozenDictionary<KeyHash, Caller> _byHash;
    private readonly FrozenDictionary<string, Caller> _byId;

    private KeyTable(IReadOnlyList<KeyRecord> records, Dictionary<KeyHash, Caller> byHash)
    {
        Records = records;
        _byHash = byHash.ToFrozenDictionary();
        _byId = byHash.Values.DistinctBy(caller => caller.KeyId).ToFrozenDictionary(caller => caller.KeyId, StringComparer.Ordinal);
        ClosesLoopback = byHash.Values.Any(c => c.Has(Role.App));
    }

    public IReadOnlyList<KeyRecord> Records { get; }

    /// <summary>
    /// Whether some key may do what a keyless caller may. An expired one counts: that time passes must not open a door.
    /// </summary>
    public bool ClosesLoopback { get; }

    public static KeyTable Of(IReadOnlyCollection<KeyRecord> records, KeyStates states)
    {
        var byHash = new Dictionary<KeyHash, Caller>(records.Count);
        foreach (var record in records)
        {
            if (KeyHash.Parse(record.Hash) is { } hash) byHash[hash] = new Caller(record, states.Of(record.Id));
        }

        return new KeyTable([.. records.OrderBy(r => r.Created).ThenBy(r => r.Id, StringComparer.Ordinal)], byHash);
    }

    /// <summary>For work that goes on after its request: null where the key was revoked.</summary>
    public Caller? Find(string id) => _byId.GetValueOrDefault(id);

    public bool Contains(string id) => Records.Any(r => r.Id == id);

    public bool TryFind(KeyHash hash, [NotNullWhen(true)] out Caller? caller) => _byHash.TryGetValue(hash, out caller);
}
