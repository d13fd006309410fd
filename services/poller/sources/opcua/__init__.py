"""OPC UA: `keys`, what `model` makes of them, what is there (`tags`, `matches`, `browse`), who reads.

Promises that a server which is away, slow, or answers nonsense for one node costs the others nothing. What speaks the
protocol is in `wire/`, and is imported only when such a group is built.
"""
