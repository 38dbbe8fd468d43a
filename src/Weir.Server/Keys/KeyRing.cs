using System.Diagnostics.CodeAnalysis;

namespace Weir.Server.Keys;

/// <summary>What authentication reads: the table of stored keys, swapped by <see cref="KeyFeed"/>, and this replica's own admin keys.</summary>
internal sealed class KeyRing(KeyStates states)
{
    private volatile KeyTable? _table;
    private TaskCompletionSource _published = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile KeyHash[] _localAdmins = [];

    /// <summary>Who calls without a key from this machine.</summary>
    public Caller Loopback { get; } = Caller.Loopback(states.Of("loopback"));

    /// <summary>Who calls with the admin key of this replica.</summary>
    public Caller LocalAdmin { get; } = Caller.LocalAdmin(states.Of("admin"));

    /// <summary>Null until the store was read once: nobody can be told apart before.</summary>
    public KeyTable? Table => _table;

    /// <summary>Raised after another <see cref="Table"/> stands, on the thread that reads the feed; must not block.</summary>
    public event Action? Published;

    public void Publish(KeyTable table)
    {
        _table = table;
        Interlocked.Exchange(ref _published, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        Published?.Invoke();
    }

    /// <summary>Waits until a published table satisfies <paramref name="seen"/>. False when <paramref name="limit"/> is over first.</summary>
    public async Task<bool> WhenAsync(Func<KeyTable, bool> seen, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            // Taken before looking: a table published in between ends the wait at once.
            var next = Volatile.Read(ref _published).Task;
            if (_table is { } table && seen(table)) return true;

            var left = limit - time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero) return false;
            try
            {
                await next.WaitAsync(left, time, cancellationToken);
            }
            catch (TimeoutException)
            {
                return false;
            }
        }
    }

    /// <summary>Admin keys that live outside the store: the file <c>admin.key</c>, and WEIR_ADMIN_KEY.</summary>
    public void UseLocalAdmins(IEnumerable<string> secrets) => _localAdmins = [.. secrets.Select(s => KeySecret.Hash(s))];

    public bool TryFind(ReadOnlySpan<char> secret, KeyTable table, [NotNullWhen(true)] out Caller? caller)
    {
        caller = null;
        if (secret.Length is 0 or > KeySecret.MaxLength) return false;

        var hash = KeySecret.Hash(secret);
        if (table.TryFind(hash, out caller)) return true;
        if (Array.IndexOf(_localAdmins, hash) < 0) return false;
        caller = LocalAdmin;
        return true;
    }
}
