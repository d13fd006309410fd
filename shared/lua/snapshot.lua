#!lua flags=no-writes,allow-oom
-- snapshot: every figure of the ledger at one and the same moment.
-- KEYS  counters, buffer, set of in-flight lists, data_queue, set of claimed lists, rejected messages,
--       rejected rows that wait, then the lists of both sets as the caller knows them
-- ARGV  names of the counters
-- Returns {seconds, microseconds, buffer, in flight, batches in flight, data queue, claimed messages,
--          rejected messages kept, rejected rows that wait, the counts in order, the begin of the oldest value};
-- {{list...}} when the sets hold lists that the caller did not name: it asks again with these. A script may only touch
-- what it was given as keys: a server that others run refuses the rest, and in a cluster it may have moved.
local known = {}
for i = 8, #KEYS do known[KEYS[i]] = true end
local unknown = {}
local function held(set)
  local total, lists = 0, 0
  for _, list in ipairs(redis.call('SMEMBERS', set)) do
    -- What is no list of ours was put there by a stranger.
    if string.sub(list, 1, #set + 1) == set .. ':' then
      lists = lists + 1
      if known[list] then total = total + redis.call('LLEN', list) else unknown[#unknown + 1] = list end
    end
  end
  return total, lists
end
local in_flight, batches = held(KEYS[3])
local claimed = held(KEYS[5])
if #unknown > 0 then return {unknown} end
-- What is set aside is no part of the ledger: spoiled by a stranger, it hides none of it.
local function aside(list)
  local length = redis.pcall('LLEN', list)
  return type(length) == 'number' and length or 0
end
local time = redis.call('TIME')
local counts = redis.call('HMGET', KEYS[1], unpack(ARGV))
-- What is longer is no count, and not worth carrying about.
for i = 1, #counts do
  if counts[i] and #counts[i] > 32 then counts[i] = 'too long' end
end
return {
  time[1], time[2], redis.call('LLEN', KEYS[2]), in_flight, batches,
  redis.call('LLEN', KEYS[4]), claimed, aside(KEYS[6]), aside(KEYS[7]), counts,
  -- Its time stands first; the value itself may be long.
  string.sub(redis.call('LINDEX', KEYS[2], 0) or '', 1, 64),
}
