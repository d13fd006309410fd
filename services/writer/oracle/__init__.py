"""Oracle in the role of the sink: connections, the table's layout, what each error code asks for.

Promises that every call ends within a limit and that every failure is a `SinkError` with its verdict.
Must not know: Redis, batches, files.
"""
