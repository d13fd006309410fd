#!lua flags=allow-oom
-- drop_rejected: the oldest entries of the rejected list go until it holds so many bytes, and are counted.
-- KEYS  rejected messages, their bytes, counters
-- ARGV  bytes to keep, window prefix, bucket seconds, keep seconds
-- Returns the number of entries dropped.
local length = redis.call('LLEN', KEYS[1])
local bytes = length > 0 and tonumber(redis.call('GET', KEYS[2]) or 0) or 0
local dropped = 0
while length > dropped and (bytes > tonumber(ARGV[1]) or ARGV[1] == '0') do
  bytes = math.max(0, bytes - #redis.call('LPOP', KEYS[1]))
  dropped = dropped + 1
end
if dropped > 0 then
  redis.call('SET', KEYS[2], bytes)
  local window = ARGV[2] .. math.floor(redis.call('TIME')[1] / tonumber(ARGV[3]))
  redis.call('HINCRBY', KEYS[3], 'rejected_dropped', dropped)
  redis.call('HINCRBY', window, 'rejected_dropped', dropped)
  redis.call('EXPIRE', window, ARGV[4])
end
return dropped
