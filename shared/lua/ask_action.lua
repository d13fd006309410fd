#!lua
-- ask_action: an action is put among the open ones, unless the same one is open already.
-- Safe to repeat: the second one finds the first.
-- KEYS  open actions, audit
-- ARGV  what is the same for the same action; its JSON; open actions at most; audit entries at most; field, value...
-- Returns {1, the JSON}; {0, the JSON of the one that is open}; {-1} when too many are open.
local open = redis.call('HGET', KEYS[1], ARGV[1])
if open then return {0, open} end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return {-1} end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', unpack(ARGV, 5))
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return {1, ARGV[2]}
