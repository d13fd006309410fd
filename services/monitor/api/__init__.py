"""What programs ask for, and are answered: paths, the stream, actions; `answers/` makes what is said.

Promises what docs/api.md says, byte for byte, and one shape for every failure. Takes what it says from the newest
assessment. Must not know: Redis, sockets, and who may ask.
"""
