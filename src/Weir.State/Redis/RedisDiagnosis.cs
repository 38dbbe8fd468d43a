using System.Globalization;
using System.Net.Sockets;
using StackExchange.Redis;

namespace Weir.State.Redis;

/// <summary>Puts what Redis says, or fails to say, into words with a remedy.</summary>
internal static class RedisDiagnosis
{
    private static readonly Version Oldest = new(7, 0);

    /// <summary>An answer of the server that means: not done.</summary>
    public static StoreUnavailableException Refused(RedisServerException e)
    {
        var word = e.Message.Split(' ', 2)[0];
        return word switch
        {
            "LOADING" => Soon("Redis is loading its data after a start."),
            "BUSY" => Soon("Redis is busy with another client's script."),
            "READONLY" or "MASTERDOWN" => Soon("This Redis is a replica that takes no writes: name the primary in the state string."),
            "OOM" => Never("Redis is out of memory (maxmemory reached): raise maxmemory or free memory. Reading goes on."),
            "MISCONF" => Never($"Redis cannot save to its disk and takes no writes: {e.Message}"),
            "NOAUTH" or "WRONGPASS" or "NOPERM" => Never($"Redis refuses the password or this user's rights ({e.Message}): check WEIR_REDIS_PASSWORD."),
            _ when e.Message.Contains("OOM command not allowed", StringComparison.Ordinal) =>
                Never("Redis is out of memory (maxmemory reached): raise maxmemory or free memory. Reading goes on."),
            _ when e.Message.Contains("MISCONF", StringComparison.Ordinal) => Never($"Redis cannot save to its disk and takes no writes: {e.Message}"),
            _ when e.Message.Contains("READONLY", StringComparison.Ordinal) =>
                Soon("This Redis is a replica that takes no writes: name the primary in the state string."),
            _ => Never($"Redis refused: {e.Message}"),
        };

        StoreUnavailableException Soon(string message) => new(message, e) { Fault = StoreFault.NotSent };
        StoreUnavailableException Never(string message) => new(message, e) { Fault = StoreFault.Refused };
    }

    /// <summary>A command that the client itself did not send.</summary>
    public static StoreUnavailableException NotSent(RedisCommandException e, int database) =>
        e.Message.Contains("database", StringComparison.OrdinalIgnoreCase)
            ? new($"This Redis has no database {database}: its setting 'databases' says how many there are (16, from 0 to 15, unless set). Name one of them in the state string.", e)
            {
                Misconfigured = true,
            }
            : new($"Redis cannot be asked: {e.Message}", e) { Fault = StoreFault.NotSent };

    /// <summary>Why opening failed. The client does not tell a refused port from a refused password, so the server is asked once more by hand.</summary>
    public static async ValueTask<StoreUnavailableException> ExplainAsync(
        RedisAddress address, StateOptions options, Exception failure, CancellationToken cancellationToken)
    {
        if (failure is StoreUnavailableException { Fault: StoreFault.Refused } refused)
            return Of($"{address}: {failure.Message}", refused.Misconfigured);
        if (address.Tls)
            return Of($"{address} cannot be reached over TLS: check host, port and certificate. ({failure.GetBaseException().Message})");
        try
        {
            var reply = await PingByHandAsync(address, options, cancellationToken);
            if (reply.StartsWith("-NOAUTH", StringComparison.Ordinal))
                return Of($"{address} wants a password: set WEIR_REDIS_PASSWORD.", misconfigured: true);
            if (reply.StartsWith("-WRONGPASS", StringComparison.Ordinal) || reply.StartsWith("-ERR invalid password", StringComparison.Ordinal))
                return Of($"{address} refuses the password in WEIR_REDIS_PASSWORD.", misconfigured: true);
            if (reply.StartsWith("-ERR AUTH", StringComparison.Ordinal) || reply.StartsWith("-ERR Client sent AUTH", StringComparison.Ordinal))
                return Of($"{address} has no password set, but WEIR_REDIS_PASSWORD gives one: unset it.", misconfigured: true);
            return Of(reply.Length == 0
                ? $"{address} accepts connections but does not answer: is it Redis, and is it running?"
                : $"{address} cannot be used: {reply.TrimStart('-', '+')}");
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return Of($"{address} cannot be reached: {e.Message}. Start Redis there, or name another store with --state (sqlite needs no server).");
        }

        StoreUnavailableException Of(string message, bool misconfigured = false) => new(message, failure) { Misconfigured = misconfigured };
    }

    /// <summary>What an operator should change about a server, from its answer to INFO.</summary>
    /// <exception cref="StoreUnavailableException">It is older than 7.0.</exception>
    public static IReadOnlyList<string> Examine(RedisAddress address, IReadOnlyDictionary<string, string> info)
    {
        var version = info.GetValueOrDefault("redis_version", "0.0");
        if (!Version.TryParse(version, out var parsed) || parsed < Oldest)
            throw new StoreUnavailableException($"{address} is Redis {version}; {Oldest} or newer is needed. Update it, or name another store with --state.");

        var warnings = new List<string>();
        if (info.GetValueOrDefault("aof_enabled") == "0")
            warnings.Add("Redis does not log its writes, so what was acknowledged may be lost when it stops: set appendonly yes (CONFIG SET appendonly yes, and in redis.conf).");
        var policy = info.GetValueOrDefault("maxmemory_policy", "noeviction");
        if (policy != "noeviction")
            warnings.Add($"Redis may evict state (maxmemory-policy {policy}): set maxmemory-policy noeviction.");
        if (info.GetValueOrDefault("aof_last_write_status", "ok") != "ok")
            warnings.Add("Redis fails to write its append-only file: look at its disk and its log.");
        return warnings;
    }

    public static Dictionary<string, string> ParseInfo(string text)
    {
        var info = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (line[0] != '#' && line.IndexOf(':') is > 0 and var colon)
                info[line[..colon]] = line[(colon + 1)..];
        }

        return info;
    }

    private static async ValueTask<string> PingByHandAsync(RedisAddress address, StateOptions options, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, cancellationToken);
        await using var stream = client.GetStream();
        var command = string.IsNullOrEmpty(options.RedisPassword)
            ? "*1\r\n$4\r\nPING\r\n"
            : string.Create(CultureInfo.InvariantCulture, $"*2\r\n$4\r\nAUTH\r\n${System.Text.Encoding.UTF8.GetByteCount(options.RedisPassword)}\r\n{options.RedisPassword}\r\n");
        await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(command), cancellationToken);
        var buffer = new byte[512];
        try
        {
            var read = await stream.ReadAsync(buffer, cancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(2), TimeProvider.System, cancellationToken);
            return System.Text.Encoding.UTF8.GetString(buffer, 0, read).Trim();
        }
        catch (TimeoutException)
        {
            return "";
        }
    }
}
