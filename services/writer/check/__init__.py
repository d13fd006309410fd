"""The command `check`: everything that the writer needs, tried out, each fault with its remedy.

Promises to leave nothing behind. May know everything; nothing else may know it.
"""
