"""The claims, a module for each part of Oracle that they are about.

In CLAIMS each module gathers its probes: what a probe is called and what its docstring says is the claim, and the code
that relies on it stands above it.
Must not know: the command, its report, each other.
"""
