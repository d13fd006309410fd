"""The consumer: takes PollingData from the DataQueue and puts one TagValue for each tag on the buffer.

It promises: a fault of one tag costs that tag, of one message that message, and both are told, counted and kept within
bounds; values wait for room as long as the DataQueue can hold what comes; nothing is held in memory alone. It knows
nothing of Oracle, of backups, or of who polls.
"""
