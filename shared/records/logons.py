"""Logons that Oracle refused: what writers tell each other of a secret."""

from shared.records.reading import Count, Moment, Record, Text


class RefusedSecret(Record, frozen=True):
    """How often a secret was refused, why, and from when it may be tried again."""

    count: Count
    code: Text  #: Oracle's, of the last time
    message: Text
    next_at: Moment
