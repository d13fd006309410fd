#!lua flags=allow-oom
-- claim: the oldest values of the buffer into the in-flight list of one batch.
-- Safe to repeat: a batch whose list exists gets what the list holds.
-- allow-oom: what drains the buffer must run at the memory limit.
-- KEYS  buffer, in-flight list of the batch, set of in-flight lists, counters, ready, full
-- ARGV  max_values, batch threshold
-- Returns {values left in the buffer, values in the batch, the values as one JSON array}; {0, 0, '[]'}: there are none.
-- One string, not one for each value: an answer of hundreds of strings takes the client longer than all the rest.
local CHUNK = 5000 -- Lua's unpack takes about 8,000
-- Up to this depth the whole list is copied and both are trimmed: it takes Redis half of the time of moving each value
-- through Lua, and the append-only file grows by three short commands instead of the values.
local DEEP = 20000
local function answer(values)
  return {redis.call('LLEN', KEYS[1]), #values, '[' .. table.concat(values, ',') .. ']'}
end
-- What can't be read as what it is stops here, before anything was moved.
redis.call('HLEN', KEYS[4])
redis.call('SCARD', KEYS[3])
local values = redis.call('LRANGE', KEYS[2], 0, -1)
if #values > 0 then
  return answer(values)
end
if redis.call('LLEN', KEYS[1]) <= DEEP then
  redis.call('COPY', KEYS[1], KEYS[2])
  redis.call('LTRIM', KEYS[2], 0, ARGV[1] - 1)
  redis.call('LTRIM', KEYS[1], ARGV[1], -1)
  values = redis.call('LRANGE', KEYS[2], 0, -1)
else
  values = redis.call('LPOP', KEYS[1], ARGV[1])
  for i = 1, #values, CHUNK do
    redis.call('RPUSH', KEYS[2], unpack(values, i, math.min(i + CHUNK - 1, #values)))
  end
end
if #values == 0 then
  redis.call('DEL', KEYS[5], KEYS[6])
  return answer({})
end
redis.call('SADD', KEYS[3], KEYS[2])
redis.call('HINCRBY', KEYS[4], 'removed', #values)

local left = redis.call('LLEN', KEYS[1])
-- A token says what is true now: left for the next writer, taken away when nothing is left to come for.
local function set(list, on)
  local there = on and redis.pcall('LLEN', list)
  if there ~= 1 then redis.call('DEL', list) end
  if on and there ~= 1 then redis.call('RPUSH', list, 1) end
end
set(KEYS[5], left > 0)
set(KEYS[6], left >= tonumber(ARGV[2]))
return answer(values)
