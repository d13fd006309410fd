#!lua flags=allow-oom
-- settle: the outcome of a batch is counted and its in-flight list vanishes, in one step.
-- Safe to repeat: without the list nothing happens.
-- KEYS  in-flight list, set of in-flight lists, counters, buffer
-- ARGV  values in the batch, window prefix, bucket seconds, keep seconds, items (name, count)...
-- Returns 1; 0 when the batch was settled before or taken over by another writer.
local held = redis.call('LLEN', KEYS[1])
if held == 0 then return 0 end
if held ~= tonumber(ARGV[1]) then
  return redis.error_reply('LEDGER in-flight list holds ' .. held .. ' values, the outcome covers ' .. ARGV[1])
end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], KEYS[1])
local window = ARGV[2] .. math.floor(redis.call('TIME')[1] / tonumber(ARGV[3]))
for i = 5, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 1])
  redis.call('HINCRBY', window, ARGV[i], ARGV[i + 1])
end
local depth = redis.call('LLEN', KEYS[4])
redis.call('HSET', window, 'depth', depth)
if depth > tonumber(redis.call('HGET', window, 'depth_max') or -1) then
  redis.call('HSET', window, 'depth_max', depth)
end
redis.call('EXPIRE', window, ARGV[4])
return 1
