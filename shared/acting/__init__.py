"""Actions: a person asks through the monitor, and the owner of the thing acts.

Promises that the same action is asked for once while it is open, that one process at a time is at it, that it ends said
whatever becomes of that process, and that each of its steps is in the audit. Must not know: what an action does.
"""
