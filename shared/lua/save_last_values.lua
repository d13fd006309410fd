#!lua
-- save_last_values: the last values of tags. A newer one that is there stays, unless its time lies in the future.
-- Safe to repeat. Not at Redis' memory limit: data goes before.
-- KEYS  hash of values by tag name, as the buffer has them: [1,"2025-11-02T14:30:52.123456",...
-- ARGV  most tags, time from which one that is there is wrong, time before which one may go once there is no room,
--       for each tag: name, value
-- Returns the number of tags left out because there are too many.
local most, wrong_from, old_before = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local function time_of(value) return string.sub(value, 5, 30) end
local count = redis.call('HLEN', KEYS[1])
if count + (#ARGV - 3) / 2 > most then
  -- A piece of it each time, wherever one is now: there may be nothing to forget.
  local found = redis.call('HSCAN', KEYS[1], redis.call('TIME')[2] % 65536, 'COUNT', 500)[2]
  for i = 1, #found, 2 do
    if time_of(found[i + 1]) < old_before then count = count - redis.call('HDEL', KEYS[1], found[i]) end
  end
end
-- All are read, and all are written, in one command each: two for each tag cost Redis four times as much.
local names = {}
for i = 4, #ARGV, 2 do names[#names + 1] = ARGV[i] end
local there = #names > 0 and redis.call('HMGET', KEYS[1], unpack(names)) or {}
local saved, newest, left_out = {}, {}, 0
for i, name in ipairs(names) do
  local value, found = ARGV[2 * i + 3], newest[name] or there[i]
  local time = found and time_of(found)
  if found and time > time_of(value) and time < wrong_from then
    -- Late, or sent again: the newer one stays.
  elseif found or count < most then
    saved[#saved + 1] = name
    saved[#saved + 1] = value
    newest[name] = value
    if not found then count = count + 1 end
  else
    left_out = left_out + 1
  end
end
if #saved > 0 then redis.call('HSET', KEYS[1], unpack(saved)) end
return left_out
