#!lua flags=no-writes,allow-oom
-- counts: hashes of counts. One that holds more fields than we ever write is asked for the known ones alone.
-- KEYS  hashes
-- ARGV  known names
-- Returns {name, count...} for each hash.
local most, longest = 2 * #ARGV, 32
local found = {}
for place, key in ipairs(KEYS) do
  local flat
  if redis.call('HLEN', key) <= most then
    flat = redis.call('HGETALL', key)
  else
    flat = {}
    for i, count in ipairs(redis.call('HMGET', key, unpack(ARGV))) do
      if count then
        flat[#flat + 1] = ARGV[i]
        flat[#flat + 1] = count
      end
    end
  end
  local short = {}
  for i = 1, #flat, 2 do
    if #flat[i] <= longest and #flat[i + 1] <= longest then
      short[#short + 1] = flat[i]
      short[#short + 1] = flat[i + 1]
    end
  end
  found[place] = short
end
return found
