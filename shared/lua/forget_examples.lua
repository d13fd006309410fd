#!lua flags=allow-oom
-- forget_examples: examples of a code that is not rejected any more.
-- KEYS  hash: what is known of each code (JSON); the list of its examples
-- ARGV  its field; then texts: an example that holds one of them goes; without any, all go
-- Returns how many are kept.
local examples = redis.call('LRANGE', KEYS[2], 0, -1)
local kept, bytes = 0, 0
redis.call('DEL', KEYS[2])
for _, example in ipairs(examples) do
  local goes = #ARGV == 1
  for i = 2, #ARGV do goes = goes or string.find(example, ARGV[i], 1, true) ~= nil end
  if not goes then
    redis.call('RPUSH', KEYS[2], example)
    kept, bytes = kept + 1, bytes + #example
  end
end
local is_json, known = pcall(cjson.decode, redis.call('HGET', KEYS[1], ARGV[1]) or '')
if is_json and type(known) == 'table' then
  known.kept, known.bytes = kept, bytes
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(known))
end
return kept
