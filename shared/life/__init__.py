"""That a process lives: its name and heartbeat in Redis, its sign for this machine, what becomes of the unforeseen.

Promises that two living processes never hold one name, and that who beats is not held up by who works. Must not know:
what the loops do.
"""
