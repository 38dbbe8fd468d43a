using System.Collections.Concurrent;
using Weir.Flow.Limits;

namespace Weir.Server.Keys;

/// <summary>The counters of every key seen, by id. They outlive changes of a key's record, and its removal until its usage is written.</summary>
/// <param name="time">The clock of all limits.</param>
/// <param name="windows">Makes limits hold over all replicas together. Null: there is one.</param>
internal sealed class KeyStates(TimeProvider time, IPrepaidWindows? windows = null)
{
    private readonly ConcurrentDictionary<string, KeyState> _byId = new(StringComparer.Ordinal);

    public IEnumerable<KeyState> All => _byId.Values;

    public KeyState Of(string keyId) => _byId.GetOrAdd(keyId, static (id, make) => new KeyState(id, make.time, make.windows), (time, windows));
}
