"""What the services share: how values travel and wait, what they tell each other, how a process lives and ends.

Its modules at the top are the words that all of it speaks: keys, models, counters, errors. Must not know: any service.
"""

__version__ = "0.2.0"
