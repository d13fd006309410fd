"""Where the Oracle stand-in was: `python -m sandbox.oracle` goes on working. It is `oracle_stand_in` now."""
