"""One way to run the pipeline on this machine: for the demo, the drills, the benchmarks, chaos and the tests.

It promises that nothing it started outlives who started it, however that one ends: by the block's end, an exception, a
signal, or kill -9.
"""
