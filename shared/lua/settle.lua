#!lua flags=allow-oom
-- settle: the outcome of a batch is counted and its in-flight list vanishes, in one step.
-- Safe to repeat: without the list nothing happens.
-- KEYS  in-flight list, set of in-flight lists, counters, buffer, rejected rows that wait, their bytes, window
-- ARGV  values in the batch, seconds that the window is kept, most rows and bytes that may wait,
--       number of rows, rows..., items (name, count)...
-- Rows that no file can take now wait in Redis; where they are too many, the oldest are dropped and counted.
-- Returns {1, how far the counters had come before (history.lua)}; {0, ...} when the batch was settled before or taken
-- over by another writer.
-- What can't be read as what it is stops here, before anything was moved; side paths come last, and end nothing.
local history = redis.call('HMGET', KEYS[3], 'began_at_us', 'inserted', 'written')
redis.call('SCARD', KEYS[2])
local held = redis.call('LLEN', KEYS[1])
if held == 0 then return {0, history} end
if held ~= tonumber(ARGV[1]) then
  return redis.error_reply('LEDGER in-flight list holds ' .. held .. ' values, the outcome covers ' .. ARGV[1])
end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], KEYS[1])
local window = KEYS[7]
local function count(name, by)
  redis.pcall('HINCRBY', KEYS[3], name, by)
  redis.pcall('HINCRBY', window, name, by)
end
local rows = tonumber(ARGV[5])
for i = 6 + rows, #ARGV, 2 do count(ARGV[i], ARGV[i + 1]) end
local dropped = 0
local function queue_rows()
  local bytes, waiting = 0, 0
  for i = 6, 5 + rows do
    waiting = redis.call('RPUSH', KEYS[5], ARGV[i])
    bytes = tonumber(redis.pcall('INCRBY', KEYS[6], #ARGV[i])) or 0
  end
  while waiting > tonumber(ARGV[3]) or (waiting > 0 and bytes > tonumber(ARGV[4])) do
    bytes = tonumber(redis.pcall('DECRBY', KEYS[6], #redis.call('LPOP', KEYS[5]))) or 0
    waiting, dropped = waiting - 1, dropped + 1
  end
  if waiting == 0 then redis.call('DEL', KEYS[6]) end
end
if rows > 0 and not pcall(queue_rows) then dropped = rows end
if dropped > 0 then count('rows_dropped', dropped) end
local depth = redis.call('LLEN', KEYS[4])
redis.pcall('HSET', window, 'depth', depth)
if depth > (tonumber(redis.pcall('HGET', window, 'depth_max')) or -1) then
  redis.pcall('HSET', window, 'depth_max', depth)
end
redis.call('EXPIRE', window, ARGV[2])
return {1, history}
