#!lua flags=allow-oom
-- push: what a batch of messages was expanded to goes on the capped buffer, and the batch is done.
-- Safe to repeat: the claimed list vanishes in the same step, and without it nothing happens.
-- allow-oom: what drains the DataQueue must run at the memory limit, or nothing ever moves again.
-- KEYS  claimed list, set of claimed lists, buffer, counters, ready, full, pressure, rejected messages, their bytes,
--       window
-- ARGV  messages in the batch, cap, batch threshold, alert depth, cap of rejected messages,
--       seconds that the window is kept, number of values, number of rejected messages,
--       number of counter items, 1 if values may overflow else 0, most bytes of rejected messages,
--       values (a line each), rejected messages..., counter items (name, count)...
-- The values as one text: to send and to take apart hundreds of arguments costs the client and Redis more.
-- Returns {'pushed', depth, how far the counters had come before (history.lua), dropped value...};
-- {'repeated', depth, how far...} when it was done before; {'no room', depth} when
-- values would overflow and may not (more values than the cap have room in an empty buffer); {'mismatch', messages}
-- when the list holds another number of messages than were expanded: the caller claims again.
local CHUNK = 5000 -- Lua's unpack takes about 8,000
-- Main path first: what can't be read as what it is stops here, before anything was moved. What comes after the values
-- (waste, counts, windows, wake-up tokens) is a side path: spoiled by a stranger it is left out, and counted where something
-- is lost; a count that is none is told by the monitor.
local history = redis.call('HMGET', KEYS[4], 'began_at_us', 'inserted', 'written')
redis.call('SCARD', KEYS[2])
local claimed = redis.call('LLEN', KEYS[1])
if claimed == 0 then
  return {'repeated', redis.call('LLEN', KEYS[3]), history}
end
if claimed ~= tonumber(ARGV[1]) then
  return {'mismatch', claimed}
end
local cap, batch_threshold, alert_depth = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local n_values, n_rejected, n_items = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local lines, first_rejected = ARGV[12], 13
local first_item = first_rejected + n_rejected

local before = redis.call('LLEN', KEYS[3])
if ARGV[10] == '0' and before > math.max(0, cap - n_values) then
  return {'no room', before}
end
local values, from = {}, 1
for i = 1, n_values do
  local to = string.find(lines, '\n', from, true)
  if not to then return redis.error_reply('LEDGER ' .. i - 1 .. ' lines for ' .. n_values .. ' values') end
  values[i] = string.sub(lines, from, to - 1)
  from = to + 1
end
if from <= #lines then return redis.error_reply('LEDGER more lines than ' .. n_values .. ' values') end
for i = 1, n_values, CHUNK do
  redis.call('RPUSH', KEYS[3], unpack(values, i, math.min(i + CHUNK - 1, n_values)))
end
local depth = before + n_values

local reply = {'pushed', 0, history}
local excess = depth - cap
if excess > 0 then
  for i = 0, excess - 1, CHUNK do
    local dropped = redis.call('LRANGE', KEYS[3], i, math.min(i + CHUNK, excess) - 1)
    for j = 1, #dropped do reply[#reply + 1] = dropped[j] end
  end
  redis.call('LTRIM', KEYS[3], excess, -1)
  depth = cap
else
  excess = 0
end
reply[2] = depth

local rejected_dropped = 0
local function set_aside()
  local waiting = redis.call('LLEN', KEYS[8])
  local bytes = waiting > 0 and tonumber(redis.pcall('GET', KEYS[9])) or 0
  for i = first_rejected, first_item - 1 do
    redis.call('RPUSH', KEYS[8], ARGV[i])
    waiting, bytes = waiting + 1, bytes + #ARGV[i]
  end
  while waiting > 0 and (waiting > tonumber(ARGV[5]) or bytes > tonumber(ARGV[11])) do
    bytes = math.max(0, bytes - #redis.call('LPOP', KEYS[8]))
    waiting, rejected_dropped = waiting - 1, rejected_dropped + 1
  end
  redis.call('SET', KEYS[9], bytes)
end
if n_rejected > 0 and not pcall(set_aside) then
  rejected_dropped = n_rejected
end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], KEYS[1])

local window = KEYS[10]
local function count(name, n)
  if n > 0 then
    redis.pcall('HINCRBY', KEYS[4], name, n)
    redis.pcall('HINCRBY', window, name, n)
  end
end
count('inserted', n_values)
count('overflowed', excess)
count('rejected_dropped', rejected_dropped)
for i = first_item, first_item + n_items - 1, 2 do
  count(ARGV[i], tonumber(ARGV[i + 1]))
end
redis.pcall('HSET', window, 'depth', depth)
if depth > (tonumber(redis.pcall('HGET', window, 'depth_max')) or -1) then
  redis.pcall('HSET', window, 'depth_max', depth)
end
redis.call('EXPIRE', window, ARGV[6])

local function wake(list, token)
  local there = redis.pcall('LLEN', list)
  if type(there) == 'table' then redis.call('DEL', list) end
  if there ~= 1 then redis.call('RPUSH', list, token) end
end
-- One token wakes one: with both, a second would come for what the first has claimed, and from then on stand behind it
-- whenever values come.
if depth >= batch_threshold then
  wake(KEYS[6], 1)
elseif before == 0 and depth > 0 then
  wake(KEYS[5], 1)
end
-- The token says how far the spill should go: far enough for the next push.
if depth >= alert_depth then wake(KEYS[7], math.floor(alert_depth / 2)) end
return reply
