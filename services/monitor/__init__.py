"""The monitor: what Redis holds, judged, as API, page and metrics.

    read -> assess -> api -> dashboard -> http        (loop.py turns it: read, assess, publish, twice a second)

Promises to read Redis alone, once a tick for all clients, and to change nothing there but its own heartbeat and events,
what a person acknowledges, and what people ask for (`api/acting.py`): the owner of the thing does that.
"""
