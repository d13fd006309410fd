"""Expressions and conditions into functions of a row of raw bytes, as Oracle works them out."""
