#!lua flags=allow-oom
-- clear_rejected: the oldest entries of the rejected list become messages again behind all others, or go, or stay.
-- allow-oom: it moves and takes away, and adds nothing.
-- Safe to repeat: it does nothing unless the list still begins with the entries that the caller read.
-- KEYS  rejected messages, their bytes, counters, data_queue, window
-- ARGV  SHA1 of the entries one after the other; most messages that the DataQueue may hold; seconds that the window is
--       kept; for each entry `m` and its message, empty for one that stays (it goes to the list's end), `-` for one that goes
-- Returns {messages put back, entries that went}; {-1} when the list begins otherwise: read it again; {-2} when the
-- DataQueue has no room.
local first = 4
local count = #ARGV - first + 1
local entries = redis.call('LRANGE', KEYS[1], 0, count - 1)
if #entries ~= count or redis.sha1hex(table.concat(entries)) ~= ARGV[1] then return {-1} end
local retried = 0
for i = first, #ARGV do
  if string.sub(ARGV[i], 1, 1) == 'm' then retried = retried + 1 end
end
if retried > 0 and redis.call('LLEN', KEYS[4]) + retried > tonumber(ARGV[2]) then return {-2} end
local freed, dropped = 0, 0
for i = 1, count do
  local becomes = ARGV[first + i - 1]
  redis.call('LPOP', KEYS[1])
  if becomes == '' then
    redis.call('RPUSH', KEYS[1], entries[i])
  else
    freed = freed + #entries[i]
    if becomes == '-' then dropped = dropped + 1 else redis.call('RPUSH', KEYS[4], string.sub(becomes, 2)) end
  end
end
redis.call('SET', KEYS[2], math.max(0, (tonumber(redis.pcall('GET', KEYS[2])) or 0) - freed))
local function count_all(name, by)
  if by > 0 then
    redis.pcall('HINCRBY', KEYS[3], name, by)
    redis.pcall('HINCRBY', KEYS[5], name, by)
  end
end
count_all('rejected_retried', retried)
count_all('rejected_dropped', dropped)
redis.call('EXPIRE', KEYS[5], ARGV[3])
return {retried, dropped}
