"""The command `verify`: is in the table what should be, and if not, who knows why.

Promises that what is missing is told with its times and tags, whatever the table holds, in bounded memory. Reads only:
the table, the backup directory, Redis.
"""
