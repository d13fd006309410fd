"""A long run with faults: does anything grow, does anything get lost, is it as quick at the end as at the beginning?"""
