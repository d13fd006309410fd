"""The wire to an OPC UA server: one that is made again and again (`connection`), its one session, its subscriptions.

Promises answers of a bounded size within a bounded time, and that an answer which can't be read is blamed on its node
alone (`faults`). The only place that knows how asyncua behaves when things go wrong.
"""
