"""What is answered: models with the unit of every field, and the functions that make them of the newest state.

Promises that it is pure: no I/O, no clock, the same state gives the same answer. `schemas.py`, `listings.py` and
`actions.py` hold models that several answers share. Must not know: paths, requests, who asks.
"""
