"""What happened, kept in Redis for people: events, that Redis itself went back, examples of what was rejected.

Promises that a journal which can't be written stops nobody, and a bound for all that is in it. Must not know: who reads
it, and what becomes of values.
"""
