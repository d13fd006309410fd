"""Benchmarks: each states a ratio measured in one run, not a number of one machine."""
