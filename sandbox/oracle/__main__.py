"""`python -m sandbox.oracle` is `python -m oracle_stand_in`."""

import typer

from oracle_stand_in.__main__ import main

if __name__ == "__main__":
    typer.run(main)
