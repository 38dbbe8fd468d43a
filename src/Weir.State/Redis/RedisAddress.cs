using System.Globalization;

namespace Weir.State.Redis;

/// <summary>A server and database: <c>redis://host:port/db</c>, or <c>rediss://…</c> for TLS. Port 6379 and database 0 where left out.</summary>
internal sealed record RedisAddress(string Host, int Port, int Database, bool Tls)
{
    public const int DefaultPort = 6379;

    public static bool TryParse(string text, out RedisAddress address)
    {
        address = new RedisAddress("", 0, 0, false);
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("redis" or "rediss"))
            return false;
        var path = uri.AbsolutePath.Trim('/');
        var database = 0;
        if (uri.Host.Length == 0 || uri.UserInfo.Length > 0 || uri.Query.Length > 0
            || (path.Length > 0 && !int.TryParse(path, NumberStyles.None, CultureInfo.InvariantCulture, out database)))
            return false;
        address = new RedisAddress(uri.IdnHost.Trim('[', ']'), uri.Port < 0 ? DefaultPort : uri.Port, database, uri.Scheme == "rediss");
        return true;
    }

    /// <summary>What is wrong with a state string that names no store. It never repeats a password.</summary>
    public static string Describe(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "redis" or "rediss"
            ? uri!.UserInfo.Length > 0
                ? "The state string holds a user or password. Write redis://host:port/db, and give the password in WEIR_REDIS_PASSWORD."
                : $"State '{text}' is not redis://host:port/db (rediss for TLS), for example redis://127.0.0.1:6379/0."
            : $"State '{text}' is not one of sqlite, memory, redis://host:port/db, rediss://host:port/db.";

    public override string ToString() => $"{(Tls ? "rediss" : "redis")}://{Host}:{Port}/{Database}";
}
