#!lua flags=allow-oom
-- drop_rejected: all entries of the rejected list go, and are counted.
-- KEYS  rejected messages, their bytes, counters, window
-- ARGV  seconds that the window is kept
-- Returns the number of entries dropped.
local dropped = redis.call('LLEN', KEYS[1])
if dropped > 0 then
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.pcall('HINCRBY', KEYS[3], 'rejected_dropped', dropped)
  redis.pcall('HINCRBY', KEYS[4], 'rejected_dropped', dropped)
  redis.call('EXPIRE', KEYS[4], ARGV[1])
end
return dropped
