#!lua
-- retry_rejected: the oldest entries of the rejected list become messages again, behind all others.
-- Safe to repeat: it does nothing unless the list still begins with the entries that the caller read.
-- KEYS  rejected messages, their bytes, counters, data_queue
-- ARGV  SHA1 of the entries one after the other, most messages that the DataQueue may hold,
--       for each entry its message, or empty for one that can't be a message again: it goes to the list's end
-- Returns {messages put back}; {-1} when the list begins otherwise: read it again; {-2} when the DataQueue has no room.
local count = #ARGV - 2
local entries = redis.call('LRANGE', KEYS[1], 0, count - 1)
if #entries ~= count or redis.sha1hex(table.concat(entries)) ~= ARGV[1] then return {-1} end
if redis.call('LLEN', KEYS[4]) + count > tonumber(ARGV[2]) then return {-2} end
local freed, retried = 0, 0
for i = 1, count do
  redis.call('LPOP', KEYS[1])
  if ARGV[i + 2] == '' then
    redis.call('RPUSH', KEYS[1], entries[i])
  else
    redis.call('RPUSH', KEYS[4], ARGV[i + 2])
    freed, retried = freed + #entries[i], retried + 1
  end
end
redis.call('SET', KEYS[2], math.max(0, tonumber(redis.call('GET', KEYS[2]) or 0) - freed))
redis.call('HINCRBY', KEYS[3], 'rejected_retried', retried)
return {retried}
