#!lua flags=allow-oom
-- stay: keys that hold values lose the expiry that somebody gave them.
-- Safe to repeat. Who may not (rights of an older version) does without.
-- KEYS  the keys
-- ARGV  1 where the last one is the set that names the others: those that are there are in it again
-- Returns those that had one.
local had = {}
for _, key in ipairs(KEYS) do
  if redis.pcall('PERSIST', key) == 1 then had[#had + 1] = key end
end
if ARGV[1] then
  for i = 1, #KEYS - 1 do
    if redis.call('EXISTS', KEYS[i]) == 1 then redis.pcall('SADD', KEYS[#KEYS], KEYS[i]) end
  end
end
return had
