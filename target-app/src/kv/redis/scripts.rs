//! Lua scripts for steps that Redis must execute atomically and has no command for.
//!
//! They are called by digest and sent only to a server that does not know them yet. Redis cannot roll back a script, so
//! each one reads first and writes last.

use std::sync::LazyLock;

use redis::Script;

/// Key; value. 1 if the key had the value and was removed.
pub(super) static DELETE_IF_EQUAL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        return redis.call('UNLINK', KEYS[1])",
    )
});

/// Key; expected value, new value, time to live in milliseconds. 1 if it was swapped.
pub(super) static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        return 1",
    )
});

/// Key, generation of its slot, generation of all; value, time to live in milliseconds, the expected generations. 1 if
/// it was stored.
pub(super) static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local stamps = redis.call('MGET', KEYS[2], KEYS[3])
        if stamps[1] ~= ARGV[3] or stamps[2] ~= ARGV[4] then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1",
    )
});

/// Key; member, time to live in milliseconds.
///
/// A sorted set of members by their expiry on the server's clock; the whole set lives as long as its last member.
pub(super) static SORTED_SET_ADD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local key, length = KEYS[1], tonumber(ARGV[2])
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
        redis.call('ZADD', key, string.format('%.0f', now + length), ARGV[1])
        if redis.call('PTTL', key) < length then redis.call('PEXPIRE', key, ARGV[2]) end",
    )
});

/// Key. Number of members.
pub(super) static SORTED_SET_LEN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        return redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now), '+inf')",
    )
});

/// Key, generation of its slot, generation of all; value, time to live in milliseconds, the expected generations, the
/// slot's new generation. 1 if it was stored, else the key was removed.
pub(super) static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local stamps = redis.call('MGET', KEYS[2], KEYS[3])
        redis.call('SET', KEYS[2], ARGV[5])
        if stamps[1] ~= ARGV[3] or stamps[2] ~= ARGV[4] then
            redis.call('UNLINK', KEYS[1])
            return 0
        end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1",
    )
});

/// Key; limit, window in microseconds. Returns: accepted or not, microseconds until the next call can be accepted,
/// calls used.
///
/// The calls are a sorted set by the server's clock, so that clients' clocks need not agree. Doubles represent
/// microseconds since 1970 exactly, but Lua would print them with fewer digits. The number of used calls distinguishes
/// calls in the same microsecond.
pub(super) static WINDOW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local key, limit, length = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - length))
        local used = redis.call('ZCARD', key)
        if used < limit then
            local at = string.format('%.0f', now)
            redis.call('ZADD', key, at, at .. '-' .. used)
            redis.call('PEXPIRE', key, math.ceil(length / 1000))
            return {1, 0, used + 1}
        end
        local next = redis.call('ZRANGE', key, used - limit, used - limit, 'WITHSCORES')
        local wait = length
        if next[2] then wait = math.max(0, next[2] + length - now) end
        return {0, wait, used}",
    )
});

/// A generation key or none; cursor, pattern, number of keys to scan, the new generation. Returns: the next cursor,
/// keys removed.
///
/// One step of a scan, which removes the keys it finds on the server. A step can find more keys than requested, and one
/// call accepts only some thousands of arguments.
pub(super) static SWEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if KEYS[1] then redis.call('SET', KEYS[1], ARGV[4]) end
        local step = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
        local keys, removed = step[2], 0
        for first = 1, #keys, 1000 do
            local last = math.min(first + 999, #keys)
            removed = removed + redis.call('UNLINK', unpack(keys, first, last))
        end
        return {step[1], removed}",
    )
});
