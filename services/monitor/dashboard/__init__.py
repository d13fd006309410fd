"""The page for people, over the same assessment as the API. All of it is drawn once a tick, for all.

Promises that everything from outside is escaped. Must not know: Redis, tokens.
"""
