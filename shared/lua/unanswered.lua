#!lua flags=no-writes,allow-oom
-- unanswered: how many requests to poll wait, and whether a poller lives.
-- KEYS  requests to poll, sorted set of services
-- ARGV  seconds for which who has beaten lives
-- Returns {requests, 1 if a poller lives}. What a stranger spoiled holds none: this is a side path.
local waiting = redis.pcall('LLEN', KEYS[1])
if type(waiting) ~= 'number' or waiting == 0 then return {0, 0} end
local beats = redis.pcall('ZRANGEBYSCORE', KEYS[2], redis.call('TIME')[1] - ARGV[1], '+inf')
for _, member in ipairs(beats) do
  if string.sub(member, 1, 7) == 'poller:' then return {waiting, 1} end
end
return {waiting, 0}
