namespace Weir.Server.Configuration;

/// <summary>
/// The configuration in force. <see cref="Current"/> is a whole, valid snapshot; a request takes it once at its start.
/// One writer: <see cref="ConfigurationWatcher"/>.
/// </summary>
public sealed class LiveConfiguration(WeirOptions initial)
{
    private readonly Lock _gate = new();
    private volatile WeirOptions _current = initial;
    private Subscription[] _subscriptions = [];
    private Action[] _again = [];

    public WeirOptions Current => _current;

    /// <summary>
    /// Calls <paramref name="apply"/> with each later configuration, after <see cref="Current"/> was swapped, one change at a time,
    /// in the order of subscription. It is not called for the present one: subscribe first, then read <see cref="Current"/>.
    /// What it throws is logged and keeps nobody else from the change. Disposing ends the calls; one under way may still finish.
    /// </summary>
    public IDisposable OnChange(Action<WeirOptions> apply)
    {
        ArgumentNullException.ThrowIfNull(apply);
        var subscription = new Subscription(this, apply);
        lock (_gate)
        {
            _subscriptions = [.. _subscriptions, subscription];
        }

        return subscription;
    }

    /// <summary>Calls <paramref name="look"/> each time the file was written or touched and no setting has changed: what settings name may have.</summary>
    internal void OnReadAgain(Action look)
    {
        lock (_gate)
        {
            _again = [.. _again, look];
        }
    }

    /// <summary>Tells that the file was read again. Gives what they threw.</summary>
    internal IReadOnlyList<Exception> ReadAgain()
    {
        Action[] again;
        lock (_gate)
        {
            again = _again;
        }

        return Told(again);
    }

    /// <summary>Publishes the next configuration whole, then tells everybody. Gives what they threw.</summary>
    internal IReadOnlyList<Exception> Swap(WeirOptions next)
    {
        Subscription[] subscriptions;
        lock (_gate)
        {
            _current = next;
            subscriptions = _subscriptions;
        }

        return Told(subscriptions.Select(subscription => new Action(() => subscription.Apply(next))));
    }

    private static List<Exception> Told(IEnumerable<Action> listeners)
    {
        var thrown = new List<Exception>();
        foreach (var listener in listeners)
        {
            try
            {
                listener();
            }
            catch (Exception exception)
            {
                thrown.Add(exception);
            }
        }

        return thrown;
    }

    private void Remove(Subscription subscription)
    {
        lock (_gate)
        {
            _subscriptions = [.. _subscriptions.Where(other => other != subscription)];
        }
    }

    private sealed class Subscription(LiveConfiguration owner, Action<WeirOptions> apply) : IDisposable
    {
        public Action<WeirOptions> Apply { get; } = apply;

        public void Dispose() => owner.Remove(this);
    }
}
