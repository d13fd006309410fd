"""The claims, a module for each part of Oracle that they are about.

Each module ends in its CLAIMS: a name, a text, the code that relies on it, and the probe that tries it in a place.
Must not know: the command, its report, each other.
"""
