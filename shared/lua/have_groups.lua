#!lua flags=allow-oom
-- have_groups: a poller says which polling groups its file has; those that it had and has no more are taken out.
-- Safe to repeat.
-- KEYS  hash of groups that pollers have
-- ARGV  the poller's name, ms for which an entry is kept, group, group, ...; `=` before one that is at its end
-- Entries are `<name> <ms since 1970>`, `= <ms>` for a group that was at its end then, `! <ms>` for one that was taken out.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local name, keep = ARGV[1], tonumber(ARGV[2])
local has = {}
for place = 3, #ARGV do
  local mark, group = ARGV[place]:match('^(=?)(.*)$')
  has[group] = true
  redis.call('HSET', KEYS[1], group, (mark == '' and name or mark) .. ' ' .. now)
end
local flat = redis.call('HGETALL', KEYS[1])
for place = 1, #flat, 2 do
  local owner, at = flat[place + 1]:match('^(%S+) (%d+)$')
  if not owner or tonumber(at) + keep < now then
    redis.call('HDEL', KEYS[1], flat[place])
  elseif owner == name and not has[flat[place]] then
    redis.call('HSET', KEYS[1], flat[place], '! ' .. now)
  end
end
return #flat / 2
