#!lua flags=allow-oom
-- save_groups: the state of polling groups, of as many as are shown over all consumers; those not seen for long go.
-- KEYS  hash of groups, sorted set of the same fields by when they were last seen
-- ARGV  most groups, seconds after which one is forgotten, for each group: field, name that older versions gave it, JSON
-- Returns the number of groups left out because there are too many.
local now = tonumber(redis.call('TIME')[1])
-- Fields of a version that kept no times: they have as long as if they were seen now.
if redis.call('HLEN', KEYS[1]) ~= redis.call('ZCARD', KEYS[2]) then
  local fields = redis.call('HKEYS', KEYS[1])
  for i = 1, #fields do redis.call('ZADD', KEYS[2], 'NX', now, fields[i]) end
end
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[2]), 'LIMIT', 0, 1000)
for i = 1, #gone do
  redis.call('HDEL', KEYS[1], gone[i])
  redis.call('ZREM', KEYS[2], gone[i])
end
local left_out = 0
for i = 3, #ARGV, 3 do
  if redis.call('HDEL', KEYS[1], ARGV[i + 1]) == 1 then redis.call('ZREM', KEYS[2], ARGV[i + 1]) end
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) or redis.call('ZCARD', KEYS[2]) < tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    redis.call('ZADD', KEYS[2], now, ARGV[i])
  else
    left_out = left_out + 1
  end
end
return left_out
