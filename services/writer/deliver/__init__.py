"""From a claimed batch to an outcome: tries, retries, halving, the breaker, the spill to the backup.

Promises that every value of a batch ends written, duplicate, rejected or backed up before the batch is settled.
Must not know: a database. It speaks to a sink in the words of services/writer/sink.py.
"""
