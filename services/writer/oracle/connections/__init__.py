"""Connections to Oracle: where it is, how one is opened, and who has it in hand.

Promises that every wait ends, whatever a listener does, and that a connection is lent to one thread at a time, sound or
not at all. Must not know: the table, its layout, and what is done on a connection.
"""
