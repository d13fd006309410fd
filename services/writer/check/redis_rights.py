"""What the writer asks of Redis, as ACL names. Written by `make rights`: do not edit."""

#: Without one of these it can't work.
NEEDED = (
    "auth", "blpop", "client|setinfo", "client|setname", "copy", "decrby", "del", "eval", "eval_ro",
    "evalsha", "evalsha_ro", "exec", "exists", "expire", "get", "hdel", "hello", "hget", "hgetall", "hincrby",
    "hkeys", "hlen", "hmget", "hscan", "hset", "hsetnx", "incrby", "lindex", "llen", "lmove", "lpop",
    "lrange", "lrem", "lset", "ltrim", "multi", "pexpire", "ping", "renamenx", "rpush", "sadd", "scard",
    "select", "set", "smembers", "srem", "time", "type", "xadd", "zadd", "zrem", "zremrangebyscore",
)  # fmt: skip

#: Without these it can't tell how Redis is.
OPTIONAL = (
    "config|get", "info", "persist", "role", "xrange", "zremrangebyrank",
)  # fmt: skip
