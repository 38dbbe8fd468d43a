using StackExchange.Redis;

namespace Weir.State.Redis;

/// <summary>The names in Redis. What must be atomic shares a hash tag, so that a cluster keeps it together.</summary>
internal static class RedisKeys
{
    /// <summary>Partitions with documents that expire, by when to look at them next. It is a hint; the partition has the truth.</summary>
    public static readonly RedisKey Expiring = "weir:expiring";

    public static RedisKey Meta(string partition) => Of(partition, "m");

    public static RedisKey Versions(string partition) => Of(partition, "v");

    public static RedisKey Bodies(string partition) => Of(partition, "b");

    public static RedisKey Index(string partition) => Of(partition, "k");

    public static RedisKey Expiry(string partition) => Of(partition, "x");

    public static RedisKey Stream(string partition) => Of(partition, "s");

    public static RedisKey CommitId(string partition, string id) => Of(partition, "id:" + id);

    public static string Wake(string partition) => Of(partition, "w");

    public static RedisKey Blob(string id) => Of("blob:" + id, "meta");

    public static RedisKey Chunk(string id, int number) => Of("blob:" + id, $"{number}");

    public static RedisKey Records(string log) => Of("log:" + log, "records");

    public static RedisKey Fence(string log) => Of("log:" + log, "fence");

    /// <summary>Entries, ages and sizes of one shard of a space of the cache.</summary>
    public static RedisKey[] Cache(string space, int shard) =>
        [Of($"cache:{space}:{shard}", "e"), Of($"cache:{space}:{shard}", "a"), Of($"cache:{space}:{shard}", "n")];

    private static string Of(string tag, string name) => $"weir:{{{tag}}}:{name}";
}
