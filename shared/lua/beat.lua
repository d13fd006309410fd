#!lua flags=allow-oom
-- beat: a process says that it lives, under a name that is its own.
-- KEYS  heartbeat of the name, sorted set of services
-- ARGV  incarnation, the incarnation that the name may be taken from or an empty text, expiry in ms, member, field, value...
-- Returns {1}; {0, incarnation, pid space, pid} when another incarnation holds the name.
local MOST = 500
local holder = redis.call('HMGET', KEYS[1], 'incarnation', 'pid_space', 'pid')
if holder[1] and holder[1] ~= ARGV[1] and holder[1] ~= ARGV[2] then
  -- No heartbeat has longer to live, unless the server's clock was put back since.
  redis.call('PEXPIRE', KEYS[1], ARGV[3], 'LT')
  return {0, holder[1], holder[2] or '', holder[3] or ''}
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'incarnation', ARGV[1], 'beat_at', redis.call('TIME')[1], unpack(ARGV, 5))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[2], now, ARGV[4])
-- Names of processes that are gone: for a week, or while more than MOST have beaten since. Containers bring a new one with
-- every start, and who reads the names has a bound. Who may not (rights of an older version) beats all the same.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 7 * 24 * 3600)
redis.pcall('ZREMRANGEBYRANK', KEYS[2], 0, -MOST - 1)
return {1}
