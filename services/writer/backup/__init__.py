"""CSV files for what the sink did not take: written, listed, read back. One room knows the format, both ways.

Promises that rows are on the disk, under their name, before anything is settled.
Must not know: Redis beyond its list of files, and any database.
"""
