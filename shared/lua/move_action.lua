#!lua flags=allow-oom
-- move_action: an open action becomes what its caller made of it, if it still is what the caller read.
-- Not safe to repeat, and need not be: the second time it is something else.
-- KEYS  open actions, audit
-- ARGV  its field; its JSON as it was read; its JSON now, empty where it has ended; audit entries at most; field, value...
--       of the audit, none where nothing is to be told
-- Returns 1; 0 when it is something else by now.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if #ARGV > 4 then redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', unpack(ARGV, 5)) end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
