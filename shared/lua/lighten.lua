#!lua flags=allow-oom
-- lighten: a list that is more than its reader can take in becomes less. Of an element that is too large its beginning is
-- left, after a NUL, its size and another NUL, which no JSON begins with; what is too much after that goes back to the head
-- of where it was claimed, in its order.
-- Safe to repeat.
-- KEYS  list, where it was claimed; without that, what is too much stays
-- ARGV  bytes of an element beyond which it is cut, bytes that are left of it then, elements at most, bytes of all of them
--       at most (of one at least)
-- Returns how many of the first elements are within both; how many are still to go back: others wait meanwhile.
local longest, head, most, room = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = 0
for place = 0, most - 1 do
  local element = redis.call('LINDEX', KEYS[1], place)
  if not element then break end
  if #element > longest then
    element = '\0' .. #element .. '\0' .. string.sub(element, 1, head)
    redis.call('LSET', KEYS[1], place, element)
  end
  room = room - #element
  if room >= 0 or place == 0 then kept = place + 1 elseif KEYS[2] then break end
end
local excess = KEYS[2] and redis.call('LLEN', KEYS[1]) - kept or 0
local moved = math.min(excess, 50000)
for _ = 1, moved do redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT') end
return {kept, excess - moved}
