"""What programs are answered: models, paths, the stream, Prometheus.

Promises what docs/api.md says, byte for byte, and one shape for every failure. Takes what it says from the newest
assessment. Must not know: Redis, sockets, and who may ask.
"""
