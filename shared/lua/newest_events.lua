#!lua flags=no-writes,allow-oom
-- newest_events: the newest entries of a stream, their texts cut.
-- KEYS  stream
-- ARGV  entries at most; fields of an entry at most; longest text in bytes; bytes looked at, after which no more are read
-- Returns {id, {name, value...}}, the newest first.
local most, fields, longest, max_bytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local found, seen, newest = {}, 0, '+'
repeat
  -- Few at a time: each may be of any size, and Lua copies it.
  local entries = redis.call('XREVRANGE', KEYS[1], newest, '-', 'COUNT', math.min(8, most - #found))
  for _, entry in ipairs(entries) do
    local cut = {}
    for i, text in ipairs(entry[2]) do
      seen = seen + #text
      if i <= 2 * fields then cut[i] = string.sub(text, 1, longest) end
    end
    found[#found + 1] = {entry[1], cut}
    newest = '(' .. entry[1]
  end
until #entries == 0 or #found >= most or seen >= max_bytes
return found
