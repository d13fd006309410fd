"""What is wrong with an overview, each thing said once, in words and with its figures.

Promises that what one of these modules finds is found by no other. `find.py` asks them all. Must not know: how bad a
kind is as a rule, and what a person does about it; alert_kinds.toml beside this room says that.
"""
