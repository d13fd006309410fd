#!lua
-- claim_messages: the oldest messages of the DataQueue into the list of one batch.
-- Safe to repeat: a batch whose list exists gets what the list holds.
-- KEYS  data_queue, claimed list of the batch, set of claimed lists
-- ARGV  max_messages, max_bytes (at least one message is taken)
-- Returns {messages left in the DataQueue, message...}.
local held = redis.call('LRANGE', KEYS[2], 0, -1)
if #held == 0 then
  local bytes = 0
  for i = 1, tonumber(ARGV[1]) do
    local message = redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')
    if not message then break end
    held[i] = message
    bytes = bytes + #message
    if bytes >= tonumber(ARGV[2]) then break end
  end
  if #held > 0 then
    redis.call('SADD', KEYS[3], KEYS[2])
  end
end
table.insert(held, 1, redis.call('LLEN', KEYS[1]))
return held
