"""Polling groups: what the file says (`config`), when to poll (`triggers`), readings into messages (`packing`).

Promises that each group is a task whose troubles are its own (`group`), that a changed file exchanges the groups that
changed and no others (`fleet`, `reload`), and that a tag which can't be written costs no other tag of its message.
Must not know: a protocol, or Redis.
"""
