#!lua flags=no-writes,allow-oom
-- scan: a piece of a hash, a set or a sorted set; what is too long is left out, and its bytes do not leave Redis.
-- KEYS  the hash, set or sorted set
-- ARGV  HSCAN, SSCAN or ZSCAN; cursor; longest name and longest value in bytes; bytes looked at, in which the piece ends
-- Returns {next cursor, '0' at the end; entries in all; bytes looked at; then name, value... or, of a set, name...}.
local command, cursor = ARGV[1], ARGV[2]
local longest_name, longest_value, max_bytes = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local count = ({HSCAN = 'HLEN', SSCAN = 'SCARD', ZSCAN = 'ZCARD'})[command]
local step = command == 'SSCAN' and 1 or 2
local piece, seen = {'0', redis.call(count, KEYS[1]), 0}, 0
repeat
  -- Few at a time: each may be of any size, and Lua copies it.
  local answer = redis.call(command, KEYS[1], cursor, 'COUNT', 16)
  cursor = answer[1]
  local found = answer[2]
  for i = 1, #found, step do
    local name, value = found[i], step == 2 and found[i + 1] or ''
    seen = seen + #name + #value + 64
    if #name <= longest_name and #value <= longest_value then
      piece[#piece + 1] = name
      if step == 2 then piece[#piece + 1] = value end
    end
  end
until cursor == '0' or seen >= max_bytes
piece[1], piece[3] = cursor, seen
return piece
