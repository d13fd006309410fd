"""Settings: environment or `.env` -> one frozen model a service, read once at its start.

A service reads only its own settings. A mistake stops the start, with one line that names the variable and the remedy;
so does a variable that looks like one of ours but is none. Must not know: what a setting is for, and any connection.
"""
