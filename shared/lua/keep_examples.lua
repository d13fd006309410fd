#!lua
-- keep_examples: the newest examples of what was rejected, by code; older ones go. How often is counted elsewhere.
-- KEYS  hash: what is known of each code (JSON); then for each code the list of its examples, the newest last
-- ARGV  codes at most; examples and bytes kept of each; then for each code: its field, when first and
--       last (seconds since 1970), how many were refused again, number of examples, examples...
-- Returns how many codes are known.
local most, kept_most, bytes_most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local place = 4
local function keep(list, field, first_at, last_at, again, first, last)
  local raw = redis.call('HGET', KEYS[1], field)
  if not raw and redis.call('HLEN', KEYS[1]) >= most then return end
  local is_json, known = pcall(cjson.decode, raw or '{}')
  if not is_json or type(known) ~= 'table' then known = {} end
  known.first_at = math.min(tonumber(known.first_at) or first_at, first_at)
  known.last_at = math.max(tonumber(known.last_at) or last_at, last_at)
  known.again = (tonumber(known.again) or 0) + again
  if redis.call('TYPE', list).ok ~= 'list' then redis.call('DEL', list) end
  local kept = redis.call('LLEN', list)
  local bytes = kept > 0 and tonumber(known.bytes) or 0
  for i = first, last do
    redis.call('RPUSH', list, ARGV[i])
    kept, bytes = kept + 1, bytes + #ARGV[i]
  end
  while kept > kept_most or (kept > 1 and bytes > bytes_most) do
    bytes = math.max(0, bytes - #redis.call('LPOP', list))
    kept = kept - 1
  end
  known.kept, known.bytes = kept, bytes
  redis.call('HSET', KEYS[1], field, cjson.encode(known))
end
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
for i = 2, #KEYS do
  local count = tonumber(ARGV[place + 4])
  keep(KEYS[i], ARGV[place], tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2]), tonumber(ARGV[place + 3]),
       place + 5, place + 4 + count)
  place = place + 5 + count
end
return redis.call('HLEN', KEYS[1])
