"""All that the writer takes for granted of Oracle, as probes that anyone can run against a real one.

Promises that what it makes is named tt_... and dropped again, that it ends, and that each claim names the code that
relies on it. The driver is used directly: what it makes of Oracle's answers is what is asked.
Must not know: Redis, batches, files other than its report.
"""
