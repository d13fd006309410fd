#!lua flags=allow-oom
-- return_messages: what a batch was made into goes back to the head of the DataQueue, and the batch is done.
-- Safe to repeat: the claimed list vanishes in the same step, and without it nothing happens.
-- KEYS  claimed list, set of claimed lists, data_queue
-- ARGV  messages in the batch, message, message...
-- Returns 1; 0 when it was done before, or the list holds another number of messages: the caller claims again.
if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
for i = #ARGV, 2, -1 do redis.call('LPUSH', KEYS[3], ARGV[i]) end
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], KEYS[1])
return 1
