#!lua flags=allow-oom
-- claim_messages: the oldest messages of the DataQueue into the list of one batch.
-- Safe to repeat: a batch whose list exists gets what the list holds.
-- allow-oom: what drains the DataQueue must run at the memory limit, or nothing ever moves again.
-- KEYS  data_queue, claimed list of the batch, set of claimed lists
-- ARGV  max_messages, max_bytes (at least one message is taken), bytes of one message beyond which it is cut,
--       bytes that are left of it then
-- Returns {messages left in the DataQueue, message...}. One that is too large is looked at here, where it is: its list
-- keeps its beginning after a NUL, its size and another NUL, which no JSON begins with.
local limit, head = tonumber(ARGV[3]), tonumber(ARGV[4])
local function bounded(place, message)
  if #message > limit then
    message = '\0' .. #message .. '\0' .. string.sub(message, 1, head)
    redis.call('LSET', KEYS[2], place - 1, message)
  end
  return message
end
redis.call('SCARD', KEYS[3])
local held = redis.call('LRANGE', KEYS[2], 0, -1)
if #held == 0 then
  local bytes = 0
  for i = 1, tonumber(ARGV[1]) do
    local message = redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')
    if not message then break end
    held[i] = bounded(i, message)
    bytes = bytes + #held[i]
    if bytes >= tonumber(ARGV[2]) then break end
  end
  if #held > 0 then
    redis.call('SADD', KEYS[3], KEYS[2])
  end
else
  for i = 1, #held do held[i] = bounded(i, held[i]) end
end
table.insert(held, 1, redis.call('LLEN', KEYS[1]))
return held
