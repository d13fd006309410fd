#!lua flags=no-writes,allow-oom
-- newest_elements: the newest elements of lists, the newest first; what is too long is left out, and counted.
-- KEYS  lists
-- ARGV  elements of each at most; longest element in bytes
-- Returns {left out, element...} for each list.
local found = {}
for place, key in ipairs(KEYS) do
  local some = {0}
  for i = 1, redis.call('TYPE', key).ok == 'list' and tonumber(ARGV[1]) or 0 do
    local element = redis.call('LINDEX', key, -i)
    if not element then break end
    if #element <= tonumber(ARGV[2]) then some[#some + 1] = element else some[1] = some[1] + 1 end
  end
  found[place] = some
end
return found
