#!lua flags=allow-oom
-- free_groups: a poller gives back the leases of groups that it polls no more; those of others stay.
-- KEYS  leases
-- ARGV  token, group, group, ...
for place = 2, #ARGV do
  local held = redis.call('HGET', KEYS[1], ARGV[place]) or ''
  if held:match('^(%S+) ') == ARGV[1] then
    redis.call('HDEL', KEYS[1], ARGV[place])
  end
end
return 0
