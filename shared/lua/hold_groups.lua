#!lua flags=allow-oom
-- hold_groups: a poller takes, or goes on with, the leases of its polling groups. One poller holds a group.
-- A lease that is free is taken at once; one that has run out only if the caller may (one that lasts longer than any does
-- has, too: the server's clock was put back since); one of an earlier process that is surely gone at once: it had our
-- name, which only the dead lose, or our outbox, which only the dead let go of.
-- Safe to repeat.
-- KEYS  leases
-- ARGV  token, instance or '-', outbox or '-', lease in ms, 1 if what has run out may be taken, group, group, ...
-- Returns {ms since 1970, for each group {state, who holds it, since when in ms}}: state 1 ours, 0 another's, -1 another's
-- that has run out.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local token, instance, outbox, lease_ms, may = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
local answer = {tostring(now)}
for place = 6, #ARGV do
  local group = ARGV[place]
  local held = redis.call('HGET', KEYS[1], group) or ''
  local its_token, its_instance, its_outbox, since, over = held:match('^(%S+) (%S+) (%S+) (%d+) (%d+)$')
  local run_out = its_token and (tonumber(over) < now or tonumber(over) > now + 2 * math.abs(lease_ms))
  local was_ours = its_token and ((instance ~= '-' and its_instance == instance) or (outbox ~= '-' and its_outbox == outbox))
  if its_token ~= token then
    if not its_token or was_ours or (run_out and may) then
      since = tostring(now)
    else
      answer[#answer + 1] = {run_out and -1 or 0, its_instance, since}
      since = nil
    end
  end
  if since then
    redis.call('HSET', KEYS[1], group, table.concat({token, instance, outbox, since, tostring(now + lease_ms)}, ' '))
    answer[#answer + 1] = {1, instance, since}
  end
end
return answer
