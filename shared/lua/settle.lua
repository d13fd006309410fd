#!lua flags=allow-oom
-- settle: the outcome of a batch is counted and its in-flight list vanishes, in one step.
-- Safe to repeat: without the list nothing happens.
-- KEYS  in-flight list, set of in-flight lists, counters
-- ARGV  values in the batch, window prefix, bucket seconds, keep seconds, number of counter items,
--       counter items (name, count)..., window items (name, count)...
-- Returns 1; 0 when the batch was settled before or taken over by another writer.
local held = redis.call('LLEN', KEYS[1])
if held == 0 then return 0 end
if held ~= tonumber(ARGV[1]) then
  return redis.error_reply('LEDGER in-flight list holds ' .. held .. ' values, the outcome covers ' .. ARGV[1])
end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], KEYS[1])
local window = ARGV[2] .. math.floor(redis.call('TIME')[1] / tonumber(ARGV[3]))
local first_window_item = 6 + tonumber(ARGV[5])
for i = 6, #ARGV, 2 do
  if i < first_window_item then redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 1]) end
  redis.call('HINCRBY', window, ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', window, ARGV[4])
return 1
