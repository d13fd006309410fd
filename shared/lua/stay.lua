#!lua flags=allow-oom
-- stay: keys that hold values lose the expiry that somebody gave them.
-- Safe to repeat. Who may not (rights of an older version) does without.
-- KEYS  the keys
-- Returns those that had one.
local had = {}
for _, key in ipairs(KEYS) do
  if redis.pcall('PERSIST', key) == 1 then had[#had + 1] = key end
end
return had
