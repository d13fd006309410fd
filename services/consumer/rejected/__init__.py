"""Messages and tags that can't be understood: entries of a bounded list, which a person puts back or drops.

Promises that an entry names its reason and holds the message as it came, as far as there is room, and that what is put
back is on the DataQueue before it is off the list. Must not know: the buffer, and what becomes of values.
"""
