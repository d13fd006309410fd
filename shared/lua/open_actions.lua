#!lua flags=no-writes,allow-oom
-- open_actions: the open actions, as far as they are short; what others wrote there has no end, an answer has.
-- KEYS  open actions
-- ARGV  cursor; longest name and longest value in bytes; bytes looked at, in which the piece ends
-- Returns {next cursor, '0' at the end; name, value...}.
local cursor, seen, piece = ARGV[1], 0, {'0'}
repeat
  -- Few at a time: each may be of any size, and Lua copies it.
  local answer = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 16)
  cursor = answer[1]
  local found = answer[2]
  for i = 1, #found, 2 do
    seen = seen + #found[i] + #found[i + 1] + 64
    if #found[i] <= tonumber(ARGV[2]) and #found[i + 1] <= tonumber(ARGV[3]) then
      piece[#piece + 1], piece[#piece + 2] = found[i], found[i + 1]
    end
  end
until cursor == '0' or seen >= tonumber(ARGV[4])
piece[1] = cursor
return piece
