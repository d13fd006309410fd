#!lua flags=no-writes,allow-oom
-- may: what the user of this connection may not do. Nothing is done.
-- KEYS  a key of ours; whether it is there does not matter
-- ARGV  commands as ACL names: lrange, config|get
-- Returns those that are refused; of a command that this server does not know nothing can be said.
-- Of these the number of keys is an argument. Valkey 9.1 looks for it where there is none, and dies of that.
local counts_keys = {eval = true, eval_ro = true, evalsha = true, evalsha_ro = true}
local refused = {}
for _, name in ipairs(ARGV) do
  local command, second = string.match(name, '^([^|]+)|?(.*)$')
  local words = second == '' and {command, KEYS[1]} or {command, second, KEYS[1]}
  if counts_keys[command] then words = {command, '', '1', KEYS[1]} end
  local known, may = pcall(redis.acl_check_cmd, unpack(words))
  if known and may == false then refused[#refused + 1] = name end
end
return refused
