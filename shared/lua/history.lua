#!lua flags=allow-oom
-- history: how far the counters have come, for whoever remembers how far they had come before.
-- KEYS  counters
-- Returns {when these counters began, in microseconds; inserted; written}.
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'began_at_us', time[1] .. string.format('%06d', time[2]))
return redis.call('HMGET', KEYS[1], 'began_at_us', 'inserted', 'written')
