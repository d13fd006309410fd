"""Backup files into the table: by the command, and by the writer itself where it may.

Promises that a file moves away only when each of its rows is in the table or set aside with its reason.
Must not know: a database; it speaks to a sink as deliver/ does.
"""
