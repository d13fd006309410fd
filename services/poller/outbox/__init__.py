"""Messages on their way to the DataQueue: kept while it takes none (`outbox`, `durable`), sent in order (`sender`).

Promises that a message leaves when the DataQueue has confirmed it, or is discarded as the oldest, and counted. Must not
know: groups, sources, or what is in a message.
"""
