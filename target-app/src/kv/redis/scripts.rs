//! The steps that Redis has to do as one and has no command for.
//!
//! They are called by their digest and sent only to a server that does not know them yet. Redis cannot undo a script, so
//! each looks first and writes last.

use std::sync::LazyLock;

use redis::Script;

/// Key; value. 1 if the key had the value and is gone.
pub(super) static DELETE_IF_EQUAL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        return redis.call('UNLINK', KEYS[1])",
    )
});

/// Key; expected value, new value, milliseconds to live. 1 if it was swapped.
pub(super) static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        return 1",
    )
});

/// Key, stamp of its slot, stamp of all; value, milliseconds to live, the stamps as they were seen. 1 if it was stored.
pub(super) static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local stamps = redis.call('MGET', KEYS[2], KEYS[3])
        if stamps[1] ~= ARGV[3] or stamps[2] ~= ARGV[4] then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1",
    )
});

/// Key; member, milliseconds to live.
///
/// A sorted set of members by their ends on the server's clock; the whole lives as long as its last member.
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

/// Key. How many members it has.
pub(super) static SORTED_SET_LEN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        return redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now), '+inf')",
    )
});

/// Key, stamp of its slot, stamp of all; value, milliseconds to live, the stamps as they were seen, the slot's new stamp.
/// 1 if it was stored, else the key is gone.
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

/// Key; limit, microseconds of the window. Whether it was accepted, microseconds until the next can be, calls used.
///
/// Calls are a sorted set by the server's clock, so that clients need not agree on the time. Doubles hold microseconds
/// since 1970 exactly, but Lua would write them with fewer digits. The number used tells calls of one microsecond apart.
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

/// A stamp or none; cursor, pattern, how many to look at, the stamp's new value. The next cursor, keys removed.
///
/// One step of a scan, which removes what it finds without showing it to the client first. A step can find more than it
/// was to look at, and a call takes only some thousands of arguments.
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
