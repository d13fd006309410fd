#!lua
-- put_held: messages of polling groups on the DataQueue, in order, as many as fit before it holds its maximum.
-- A message goes if who read it holds the group, or read it before another took the group over; else that one has read
-- the same tags, and the message is left out. Nor is it when who read it took the group over after that one: then it is
-- Redis that went back, and the lease is an old one.
-- KEYS  data_queue, leases
-- ARGV  max_messages, and for each message: group, token of who read it, since when it holds the group (ms since 1970, 0:
-- it never heard that it does), when it was read, message
-- Returns {messages done with: the first so many, the places of those that were left out, from 0...}.
local room = tonumber(ARGV[1]) - redis.call('LLEN', KEYS[1])
local holders, queued, answer = {}, {}, {0}
local function holder_of(group)
  if not holders[group] then
    -- What is no lease holds up no reading: where a stranger spoiled the key nobody holds anything.
    local lease = redis.pcall('HGET', KEYS[2], group)
    local token, since = (type(lease) == 'string' and lease or ''):match('^(%S+) %S+ %S+ (%d+) %d+$')
    holders[group] = {token = token, since = tonumber(since or 0)}
  end
  return holders[group]
end
for place = 2, #ARGV, 5 do
  local holder = holder_of(ARGV[place])
  local is_older = tonumber(ARGV[place + 2]) <= holder.since and tonumber(ARGV[place + 3]) >= holder.since
  if holder.token and holder.token ~= ARGV[place + 1] and is_older then
    answer[#answer + 1] = answer[1]
  elseif #queued >= room then
    break
  else
    queued[#queued + 1] = ARGV[place + 4]
  end
  answer[1] = answer[1] + 1
end
-- unpack takes some thousands of values at most.
for first = 1, #queued, 1000 do
  redis.call('RPUSH', KEYS[1], unpack(queued, first, math.min(first + 999, #queued)))
end
return answer
