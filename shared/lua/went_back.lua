#!lua flags=allow-oom
-- went_back: somebody saw the counters fall. Several see the same fall: the first one tells it.
-- KEYS  what is told, what a person has acknowledged
-- ARGV  seconds within which it is the same fall, values inserted and values written that are not known any more
-- Returns 1 when it is to be told, else 0.
local now = tonumber(redis.call('TIME')[1])
local at = tonumber(redis.call('HGET', KEYS[1], 'at') or 0)
if math.abs(now - at) <= tonumber(ARGV[1]) then return 0 end
if at <= tonumber(redis.call('HGET', KEYS[2], 'at') or 0) then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'at', now)
redis.call('HINCRBY', KEYS[1], 'times', 1)
redis.call('HINCRBY', KEYS[1], 'inserted', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'written', ARGV[3])
return 1
