#!lua
-- claim_poll_requests: the oldest requests onto a poller's own list; what is too large to be one is left out.
-- KEYS  source, target
-- ARGV  max_requests, max_bytes, kept_s
-- Returns how many were left out, the size of the largest of them, request, request, ...
local left_out, largest, taken = 0, 0, {}
for _ = 1, tonumber(ARGV[1]) do
  local raw = redis.call('LPOP', KEYS[1])
  if not raw then
    break
  end
  if #raw > tonumber(ARGV[2]) then
    left_out = left_out + 1
    largest = math.max(largest, #raw)
  else
    redis.call('RPUSH', KEYS[2], raw)
    taken[#taken + 1] = raw
  end
end
if #taken > 0 then
  redis.call('EXPIRE', KEYS[2], ARGV[3])
end
return { left_out, largest, unpack(taken) }
