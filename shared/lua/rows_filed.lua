#!lua flags=allow-oom
-- rows_filed: rejected rows that waited are in a file now.
-- Safe to repeat, and by several writers: a row goes at most once for each time that it was filed.
-- KEYS  rejected rows that wait, their bytes
-- ARGV  rows...
-- Returns how many still wait.
for i = 1, #ARGV do
  if redis.call('LREM', KEYS[1], 1, ARGV[i]) == 1 then redis.pcall('DECRBY', KEYS[2], #ARGV[i]) end
end
local waiting = redis.call('LLEN', KEYS[1])
if waiting == 0 then redis.call('DEL', KEYS[2]) end
return waiting
