#!lua flags=allow-oom
-- claim: the oldest values of the buffer into the in-flight list of one batch.
-- Safe to repeat: a batch whose list exists gets what the list holds.
-- allow-oom: what drains the buffer must run at the memory limit.
-- KEYS  buffer, in-flight list of the batch, set of in-flight lists, counters, ready, full, room wanted, room
-- ARGV  max_values, values left with which another is called (full)
-- Returns {values left in the buffer, values in the batch}. What they are the caller reads from the batch's own list:
-- through Lua each of them costs Redis as much as all the rest.
local CHUNK = 5000 -- Lua's unpack takes about 8,000
-- Up to this depth the whole list is copied and both are trimmed: it takes Redis half of the time of moving each value
-- through Lua, and the append-only file grows by three short commands instead of the values.
local DEEP = 20000
-- What can't be read as what it is stops here, before anything was moved.
redis.call('HLEN', KEYS[4])
redis.call('SCARD', KEYS[3])
local count = redis.call('LLEN', KEYS[2])
if count > 0 then
  return {redis.call('LLEN', KEYS[1]), count}
end
if redis.call('LLEN', KEYS[1]) <= DEEP then
  redis.call('COPY', KEYS[1], KEYS[2])
  redis.call('LTRIM', KEYS[2], 0, ARGV[1] - 1)
  redis.call('LTRIM', KEYS[1], ARGV[1], -1)
else
  local values = redis.call('LPOP', KEYS[1], ARGV[1])
  for i = 1, #values, CHUNK do
    redis.call('RPUSH', KEYS[2], unpack(values, i, math.min(i + CHUNK - 1, #values)))
  end
end
count = redis.call('LLEN', KEYS[2])
if count == 0 then
  redis.call('DEL', KEYS[5], KEYS[6])
  return {0, 0}
end
redis.call('SADD', KEYS[3], KEYS[2])
redis.pcall('HINCRBY', KEYS[4], 'removed', count)

local left = redis.call('LLEN', KEYS[1])
-- A token says what is true now: left for the next writer, taken away when nothing is left to come for.
local function set(list, on)
  local there = on and redis.pcall('LLEN', list)
  if there ~= 1 then redis.call('DEL', list) end
  if on and there ~= 1 then redis.call('RPUSH', list, 1) end
end
set(KEYS[5], left > 0)
set(KEYS[6], left >= tonumber(ARGV[2]))
-- A push waits for room: a side path, spoiled by a stranger it is left out.
local wanted = tonumber(redis.pcall('GET', KEYS[7]))
if wanted and left <= wanted then
  redis.call('DEL', KEYS[7], KEYS[8])
  redis.call('RPUSH', KEYS[8], 1)
end
return {left, count}
