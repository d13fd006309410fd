"""The monitor: what Redis holds, judged, as API, page and metrics.

    read -> assess -> api -> dashboard -> http        (loop.py turns it: read, assess, publish, twice a second)

Promises to read Redis alone, once a tick for all clients, and to change nothing there but its own heartbeat and events
(and, by the command `acknowledge`, what a person acknowledges).
"""
