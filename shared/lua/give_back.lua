#!lua flags=allow-oom
-- give_back: what a list of one process holds goes back to the head of where it was claimed, in its order.
-- Safe to repeat: the list vanishes in the same step, and without it nothing happens.
-- KEYS  claimed or in-flight list, set of such lists, data_queue or buffer, token that says that there is something
-- Returns the number of elements that went back.
local count = redis.call('LLEN', KEYS[1])
for _ = 1, count do redis.call('LMOVE', KEYS[1], KEYS[3], 'RIGHT', 'LEFT') end
redis.call('SREM', KEYS[2], KEYS[1])
if KEYS[4] and count > 0 and redis.call('LLEN', KEYS[4]) == 0 then redis.call('RPUSH', KEYS[4], 1) end
return count
