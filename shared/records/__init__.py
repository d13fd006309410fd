"""What the services say to each other in Redis, as types: the only place that knows the names of fields.

Values travel as `shared/models.py` says; this is everything beside them: heartbeats, polling groups, backup files,
overflow episodes, events, rejected entries, requests to poll. docs/contract.md lists all of it, made from these types.

Versions share a Redis during an upgrade. So whoever reads ignores fields that he does not know, takes the stated
default for those that are missing, and loses by one of the wrong type that field alone (`reading.py`), or the whole
record where the field is one without a default. It knows no service, no key and no way to Redis.
"""
