"""`pip install .` from nothing but this tree: what an earlier one left in build/ would be installed with it.

Everything else stands in pyproject.toml.
"""

import shutil

from setuptools import setup

shutil.rmtree("build", ignore_errors=True)
setup()
