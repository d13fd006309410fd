"""The error tree: an error is named by what the one who catches it must do."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest

import services.writer
import shared
import shared.errors
from shared.errors import PipelineError


def errors_of(package: object) -> Iterator[type[Exception]]:
    """Yield the errors that the modules of a package define."""
    path, name = package.__path__, package.__name__  # type: ignore[attr-defined]
    for module in pkgutil.walk_packages(path, f"{name}."):
        # A module that is a program runs when it is imported.
        if not module.name.endswith("__main__"):
            for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if issubclass(found, Exception) and found.__module__ == module.name and found.__name__[0] != "_":
                    yield found


@pytest.mark.parametrize("package", [shared, services.writer], ids=lambda package: package.__name__)
def test_every_error_hangs_in_the_tree_or_is_one_of_pythons_own_that_is_caught_as_such(package: object) -> None:
    """Kind: an error that no handler of a whole branch catches, because it hangs nowhere."""
    found = list(errors_of(package))
    assert found
    assert [error for error in found if not issubclass(error, PipelineError | OSError | ValueError)] == []


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = shared.errors.__doc__ or ""
    for error in errors_of(shared):
        if error.__module__ == "shared.errors":
            assert re.search(rf"\b{error.__name__}\b", drawn), error
