"""The edge to the network: the application put together, its server, who may ask, how much at once.

Promises strict headers on every answer, limits that keep the processor for the pipeline, and an end within five
seconds. Must not know: what an answer says.
"""
