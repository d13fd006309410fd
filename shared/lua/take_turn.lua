#!lua flags=allow-oom
-- take_turn: a monitor takes, or keeps, its turn to send notices to one receiver, and reads what was told.
-- KEYS  turn, what was told
-- ARGV  who asks, lease in ms, ms for which what was told is kept, most fields that are read
-- Returns {1 where the turn is ours, else 0; name, value...}: what was told (nothing, where others filled it).
local holder = redis.call('GET', KEYS[1])
local ours = not holder or holder == ARGV[1]
if ours then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
else
  -- No turn lasts longer, unless the server's clock was put back since.
  redis.call('PEXPIRE', KEYS[1], ARGV[2], 'LT')
end
local answer = {ours and 1 or 0}
if redis.call('HLEN', KEYS[2]) <= tonumber(ARGV[4]) then
  for _, part in ipairs(redis.call('HGETALL', KEYS[2])) do answer[#answer + 1] = part end
end
return answer
