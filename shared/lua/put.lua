#!lua
-- put: one message on the DataQueue, unless it holds its maximum.
-- KEYS  data_queue
-- ARGV  max_messages, message
-- Returns the new length, or 0 when it was full and nothing was queued.
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[1]) then
  return 0
end
return redis.call('RPUSH', KEYS[1], ARGV[2])
