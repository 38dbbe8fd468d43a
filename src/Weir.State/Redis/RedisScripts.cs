namespace Weir.State.Redis;

/// <summary>
/// The scripts. They know keys, versions and bytes, nothing of what documents mean. Numbers over 2^31 are formatted by hand,
/// since Lua would write them with an exponent.
/// </summary>
/// <remarks>
/// A partition is these keys, all with its hash tag: <c>m</c> (hash: revision, stream position, store time, bytes in the stream, the revision since which nothing was forgotten), <c>v</c> (hash: key to
/// version), <c>b</c> (hash: key to "version expiry body"), <c>k</c> (all keys, in order), <c>x</c> (keys by expiry), <c>s</c> (the
/// stream of commits), <c>id:…</c> (what became of a commit), and the channel <c>w</c>. Times are microseconds since 1970.
/// </remarks>
internal static class RedisScripts
{
    private const string Time =
        """
        local function text(n) return string.format('%.0f', n) end
        local clock = redis.call('TIME')
        local now = clock[1] * 1000000 + clock[2]

        """;

    /// <summary>
    /// Keys: m v b k x s id. Arguments: nonce, not-after, seen revision, seal, ids' lifetime in ms, stream's most entries, its most bytes,
    /// channel, checks (count, then key and version each), writes (count, then key, version, expiry or "-" to delete, body each).
    /// </summary>
    /// <remarks>
    /// Deletes come first: a server that is out of memory refuses the first write that may grow, and lets a script go on that has begun.
    /// <c>seal</c> marks a lost commit as void, for one that was sent more than once and might still arrive a second time.
    /// </remarks>
    public static readonly RedisScript Commit = new(Time +
        """
        local m, v, b, k, x, s, id = unpack(KEYS)
        local nonce, bound, seen, seal = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
        local meta = redis.call('HMGET', m, 'rev', 'last', 'time', 'bytes')
        local rev, last, bytes = tonumber(meta[1] or '0'), meta[2] or '', tonumber(meta[4] or '0')
        now = math.max(now, tonumber(meta[3] or '0'))

        local known = redis.call('GET', id)
        if known == 'void' then return {'void', text(now)} end
        if known then return {'done', text(now), known} end
        if bound > 0 and now > bound then return {'late', text(now)} end

        local at, lost = 9, {'lost', text(now)}
        local function compare(key, expected)
          if (redis.call('HGET', v, key) or '0') ~= expected then lost[#lost + 1] = key end
        end
        local checks = tonumber(ARGV[at])
        at = at + 1
        for i = 1, checks do
          compare(ARGV[at], ARGV[at + 1])
          at = at + 2
        end
        local writes, first = tonumber(ARGV[at]), at + 1
        for i = 0, writes - 1 do compare(ARGV[first + i * 4], ARGV[first + i * 4 + 1]) end
        if #lost > 2 then
          if seal then redis.call('SET', id, 'void', 'PX', ARGV[5]) end
          return lost
        end

        local entry, size = {}, 64
        for i = 0, writes - 1 do
          local p = first + i * 4
          if ARGV[p + 2] == '-' then
            redis.call('HDEL', v, ARGV[p])
            redis.call('HDEL', b, ARGV[p])
            redis.call('ZREM', k, ARGV[p])
            redis.call('ZREM', x, ARGV[p])
          end
        end
        -- No revision at all: the partition is new, or the server came back empty and nobody who had seen it was first.
        local anew = rev < seen or rev == 0
        if rev < seen then
          rev = seen + 1000000
          last = text(rev) .. '-0'
          bytes = 0
          redis.call('DEL', s)
        end
        rev = math.max(rev + 1, now)
        local version = text(rev)
        for i = 0, writes - 1 do
          local p = first + i * 4
          local key, expiry, body = ARGV[p], ARGV[p + 2], ARGV[p + 3]
          entry[#entry + 1] = key
          if expiry == '-' then
            entry[#entry + 1] = '-'
          else
            local value = version .. ' ' .. expiry .. ' ' .. body
            redis.call('HSET', v, key, version)
            redis.call('HSET', b, key, value)
            redis.call('ZADD', k, 0, key)
            if expiry == '0' then redis.call('ZREM', x, key) else redis.call('ZADD', x, expiry, key) end
            entry[#entry + 1] = value
            size = size + #body
          end
          size = size + #key + 32
        end
        local position = version .. '-' .. nonce
        redis.call('XADD', s, position, 'prev', last, unpack(entry))
        bytes = bytes + size
        local length = redis.call('XLEN', s)
        if length > tonumber(ARGV[6]) or bytes > tonumber(ARGV[7]) then
          local keep = math.max(1, math.floor(length * 0.75))
          redis.call('XTRIM', s, 'MAXLEN', keep)
          bytes = keep == 1 and size or bytes * keep / length
        end
        redis.call('HSET', m, 'rev', version, 'last', position, 'time', text(now), 'bytes', text(bytes))
        if anew then redis.call('HSET', m, 'since', version) end
        redis.call('SET', id, version, 'PX', ARGV[5])
        redis.call('PUBLISH', ARGV[8], version)
        return {'done', text(now), version}
        """);

    /// <summary>Keys: m id. Argument: ids' lifetime in ms. An id that is not known is marked, so that the commit can no longer land.</summary>
    public static readonly RedisScript Settle = new(Time +
        """
        now = math.max(now, tonumber(redis.call('HGET', KEYS[1], 'time') or '0'))
        local known = redis.call('GET', KEYS[2])
        if known and known ~= 'void' then return {'done', text(now), known} end
        redis.call('SET', KEYS[2], 'void', 'PX', ARGV[1])
        return {'void', text(now)}
        """);

    /// <summary>Keys: k b. Arguments: from and to in lexicographic notation, limit. Answers key, value, key, value …</summary>
    public static readonly RedisScript List = new(
        """
        local keys = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
        local found = {}
        for i, key in ipairs(keys) do
          found[#found + 1] = key
          found[#found + 1] = redis.call('HGET', KEYS[2], key)
        end
        return found
        """);

    /// <summary>Keys: m k b. Arguments: prefixes. Answers position, revision, since when nothing was forgotten, and key, value, key, value … of one moment.</summary>
    public static readonly RedisScript Snapshot = new(
        """
        local meta = redis.call('HMGET', KEYS[1], 'last', 'rev', 'since')
        local found = {}
        for _, prefix in ipairs(ARGV) do
          for _, key in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], '[' .. prefix, '[' .. prefix .. '\255')) do
            found[#found + 1] = key
            found[#found + 1] = redis.call('HGET', KEYS[3], key)
          end
        end
        return {meta[1] or '', meta[2] or '0', meta[3] or '0', found}
        """);

    /// <summary>Keys: m s. Arguments: the reader's position, most entries. Answers position and revision now, and the entries after the reader's.</summary>
    public static readonly RedisScript Follow = new(
        """
        local meta = redis.call('HMGET', KEYS[1], 'last', 'rev')
        local last, rev = meta[1] or '', meta[2] or '0'
        if last == ARGV[1] then return {last, rev, {}} end
        local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
        return {last, rev, redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', ARGV[2])}
        """);

    /// <summary>Keys: m s. Arguments: seen revision, channel. A partition found behind it goes on well past it, and its readers start afresh.</summary>
    public static readonly RedisScript Advance = new(Time +
        """
        local rev, seen = tonumber(redis.call('HGET', KEYS[1], 'rev') or '0'), tonumber(ARGV[1])
        if rev >= seen then return text(rev) end
        rev = math.max(seen + 1000000, now)
        redis.call('DEL', KEYS[2])
        redis.call('HSET', KEYS[1], 'rev', text(rev), 'last', text(rev) .. '-0', 'bytes', '0', 'since', text(rev))
        redis.call('PUBLISH', ARGV[2], text(rev))
        return text(rev)
        """);

    /// <summary>Keys: x v m. Argument: limit. Answers the earliest expiry (or ""), and key, version, key, version … of what is due.</summary>
    public static readonly RedisScript Due = new(Time +
        """
        now = math.max(now, tonumber(redis.call('HGET', KEYS[3], 'time') or '0'))
        local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
        local due = {}
        for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now), 'LIMIT', 0, ARGV[1])) do
          due[#due + 1] = key
          due[#due + 1] = redis.call('HGET', KEYS[2], key) or '0'
        end
        return {first[2] and text(tonumber(first[2])) or '', due}
        """);

    /// <summary>Key: a sorted set. Arguments: member, the score it must still have, the new one or "" to remove it.</summary>
    public static readonly RedisScript Reschedule = new(
        """
        if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
        if ARGV[3] == '' then return redis.call('ZREM', KEYS[1], ARGV[1]) end
        redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
        return 1
        """);

    /// <summary>Keys: records, fence. Arguments: fence. Answers the fence that stands, and the count of records.</summary>
    public static readonly RedisScript OpenLog = new(
        """
        local fence = redis.call('GET', KEYS[2])
        if not fence or tonumber(fence) <= tonumber(ARGV[1]) then
          fence = ARGV[1]
          redis.call('SET', KEYS[2], fence)
        end
        return {fence, redis.call('LLEN', KEYS[1])}
        """);

    /// <summary>
    /// Keys: records, fence. Arguments: fence, writer's name, the count before, then records. Answers <c>ok</c>, <c>stale</c> or <c>torn</c>. What
    /// was appended already, and not answered, is not appended again.
    /// </summary>
    public static readonly RedisScript AppendLog = new(
        """
        local fence = redis.call('GET', KEYS[2])
        if fence ~= ARGV[1] then return {'stale', fence or '0'} end
        local length, before = redis.call('LLEN', KEYS[1]), tonumber(ARGV[2])
        if length == before + #ARGV - 2 and redis.call('LINDEX', KEYS[1], -1) == ARGV[#ARGV] then return {'ok'} end
        if length ~= before then return {'stale', fence} end
        for i = 3, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
        return {'ok'}
        """);

    /// <summary>Keys: entries, ages, sizes. Arguments: most bytes, then each key and its value with the expiry in front. The oldest entries go first.</summary>
    public static readonly RedisScript CacheSet = new(
        """
        local bytes = tonumber(redis.call('HGET', KEYS[3], 'bytes') or '0')
        for i = 2, #ARGV, 2 do
          local key, value = ARGV[i], ARGV[i + 1]
          local age = redis.call('HINCRBY', KEYS[3], 'age', 1)
          bytes = bytes - (redis.call('HEXISTS', KEYS[1], key) == 1 and #key + redis.call('HSTRLEN', KEYS[1], key) or 0)
          redis.call('HSET', KEYS[1], key, value)
          redis.call('ZADD', KEYS[2], age, key)
          bytes = bytes + #key + #value
        end
        while bytes > tonumber(ARGV[1]) do
          local oldest = redis.call('ZPOPMIN', KEYS[2])[1]
          if not oldest then break end
          bytes = bytes - #oldest - redis.call('HSTRLEN', KEYS[1], oldest)
          redis.call('HDEL', KEYS[1], oldest)
        end
        redis.call('HSET', KEYS[3], 'bytes', bytes)
        return 1
        """);
}
