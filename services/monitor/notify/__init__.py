"""Alerts on their way to people: by webhook and by mail, each from a thread of its own.

    state -> schedule (what is due) -> messenger (whose turn, try, remember) -> receiver (webhook, mail)

Promises to hold up nothing: the loop, the API and the page know nothing of it. Nothing is queued: what is due is worked
out anew from the newest state before each try, so a receiver that is away for a day costs no memory, and what was
raised and ended meanwhile is told once it is back. What was told stands in Redis, for other monitors and the next life
of this one. A notice may arrive twice (its answer was lost, or while Redis is away); none is given up.
"""
