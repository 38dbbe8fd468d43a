using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.State.Memory;
using Weir.State.Redis;
using Weir.State.Sqlite;

namespace Weir.State;

/// <summary>Opens the store that a state string names.</summary>
public static class StateStores
{
    /// <summary>Opens, checks and locks the store, so that whatever is wrong with it is known before anything is served.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be used; the message says why and what to do.</exception>
    public static async ValueTask<IStateStore> OpenAsync(
        StateOptions options, TimeProvider? time = null, ILoggerFactory? loggers = null, CancellationToken cancellationToken = default)
    {
        time ??= TimeProvider.System;
        loggers ??= NullLoggerFactory.Instance;
        try
        {
            return options.Store switch
            {
                "memory" => new MemoryStateStore(options, time),
                "sqlite" => await SqliteStateStore.OpenAsync(options, time, loggers, cancellationToken),
                _ when RedisAddress.TryParse(options.Store, out var address) =>
                    await RedisStateStore.OpenAsync(address, options, time, loggers, cancellationToken),
                _ => throw new StoreUnavailableException(RedisAddress.Describe(options.Store)) { Misconfigured = true },
            };
        }
        catch (Exception e) when (e is not (StoreUnavailableException or OperationCanceledException))
        {
            // The drivers throw more kinds of exceptions than they document.
            throw new StoreUnavailableException($"The state store {options.Store} cannot be opened ({e.GetType().Name}): {e.Message}", e);
        }
    }
}
