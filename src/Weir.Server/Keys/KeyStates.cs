using System.Collections.Concurrent;

namespace Weir.Server.Keys;

/// <summary>The counters of every key seen, by id. They outlive changes of a key's record, and its removal until its usage is written.</summary>
internal sealed class KeyStates(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, KeyState> _byId = new(StringComparer.Ordinal);

    public IEnumerable<KeyState> All => _byId.Values;

    public KeyState Of(string keyId) => _byId.GetOrAdd(keyId, static (id, time) => new KeyState(id, time), time);
}
