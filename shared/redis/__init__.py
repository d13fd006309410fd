"""The way to Redis: who is primary, connections to it, what it answers, and whether it keeps what it acknowledged.

Promises that a failure is one of our errors, that no command is repeated unseen, and that nobody stays with a server
that is not the primary. No other room imports `redis` or `hiredis`. Must not know: what is moved; that is in
`shared/lua` and above.
"""
