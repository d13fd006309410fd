"""What the consumer notices while values pass, told to people: overflow, tags of one name, groups, last values, memory.

Promises that none of it moves a value or stops the loop, that it is said once a second at most, and a bound for what
is remembered. Must not know: how messages are claimed and values pushed.
"""
