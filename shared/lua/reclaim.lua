#!lua flags=allow-oom
-- reclaim: a list whose owner is gone becomes the caller's, whole and in order.
-- Safe to repeat: once moved, the old name is empty and the caller finds the values under the new one.
-- KEYS  list to take, list of the caller's new batch, set of such lists, heartbeat of the owner
-- ARGV  1 to take it although the owner's heartbeat lives (the caller's own, forgotten by it), else 0; expiry of a
--       heartbeat in ms: one that has longer left is of before the server's clock was put back
-- Returns the number of elements that the new list holds.
if ARGV[1] == '0' and redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('PEXPIRE', KEYS[4], ARGV[2], 'LT')
  return 0
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('RENAMENX', KEYS[1], KEYS[2]) == 0 then return 0 end
  redis.call('SADD', KEYS[3], KEYS[2])
end
redis.call('SREM', KEYS[3], KEYS[1])
return redis.call('LLEN', KEYS[2])
