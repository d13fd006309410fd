#!lua
-- put_many: messages on the DataQueue, in order, as many as fit before it holds its maximum.
-- KEYS  data_queue
-- ARGV  max_messages, message, message, ...
-- Returns the number queued: the first so many of them.
local room = tonumber(ARGV[1]) - redis.call('LLEN', KEYS[1])
local count = math.min(room, #ARGV - 1)
-- unpack takes some thousands of values at most.
for first = 1, count, 1000 do
  local last = math.min(first + 999, count)
  redis.call('RPUSH', KEYS[1], unpack(ARGV, first + 1, last + 1))
end
return math.max(count, 0)
