"""Overviews judged: what is wrong, since when, how bad, and what a person does about it.

Promises one judgement: each fact becomes at most one finding, and alerts and health are made of findings alone. Pure:
no I/O, no clock but that of the overview. Must not know: how answers look, or that there is HTTP.
"""
