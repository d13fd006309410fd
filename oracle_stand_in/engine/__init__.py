"""The database itself, in memory: storage, dictionary, queries, changes, and engine.py that runs statements by them.

Knows no network.
"""
