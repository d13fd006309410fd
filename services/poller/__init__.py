"""The poller: reads tags in polling groups and puts what was read on the DataQueue.

Rooms: `sources/` read, `groups/` say when and make messages, `outbox/` holds and sends them, `handshake/` takes
requests to poll. `source.py` is the role that `sources/` play. `worker.py` is the story, `lane.py` what each partition
has of its own, `leases.py` who polls when there are several pollers, `pulse.py` the sign of life, `threads.py` what no
source that is stuck may take from them.

Promises that a reading goes in the order of its polls, or is counted as overflow, and that a source, a group or a Redis
that fails stops no other group. Must not know: who takes the messages, and what becomes of them.
"""
