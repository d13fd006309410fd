#!lua flags=allow-oom
-- split: each message of a claimed list gets a list of its own, in one step.
-- Safe to repeat: without the list nothing happens.
-- KEYS  claimed list, set of claimed lists, list of the first message, of the second...
-- Returns the number of messages that got a list: as many as there are, or names for.
redis.call('SCARD', KEYS[2])
local moved = 0
for i = 3, #KEYS do
  if not redis.call('LMOVE', KEYS[1], KEYS[i], 'LEFT', 'RIGHT') then break end
  redis.call('SADD', KEYS[2], KEYS[i])
  moved = moved + 1
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('SREM', KEYS[2], KEYS[1])
end
return moved
