"""What Redis holds at one moment, as one immutable overview. The only room that knows Redis.

Promises a reading within bounds in bytes, whatever others wrote there: what is too long, too many or unreadable is left
out and counted. Changes nothing in Redis. Must not know: what is good or bad, and who asks.
"""
