"""Where values wait in Redis: the DataQueue, the buffer, the lists claimed from them, and what stands in each.

Promises that a value moves from one place to the next in one step (`shared/lua`), however often the step is repeated.
Must not know: what a value means, or what becomes of it outside Redis.
"""
