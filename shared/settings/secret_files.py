"""A secret that stands in a file of its own."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

#: Of what people write: the mark that some editors begin with belongs to no name and no secret.
ENCODING = "utf-8-sig"

#: Bytes of a file that holds a secret.
_MAX_SECRET_BYTES = 64 * 1024


def read_secret(path: str | Path) -> str:
    """Return what a file holds, without white space around it or the mark that some editors begin with.

    Raises: OSError; ValueError: it is no text, nothing, or too much.
    """
    with Path(path).open("rb") as file:
        raw = file.read(_MAX_SECRET_BYTES + 1)
    if len(raw) > _MAX_SECRET_BYTES:
        raise ValueError(f"it holds more than {_MAX_SECRET_BYTES} bytes")
    text = raw.decode(ENCODING).strip()
    if not text:
        raise ValueError("it holds nothing")
    return text


def current_secret(
    at_start: SecretStr | None, file: Path | None, is_usable: Callable[[str], bool] = lambda _secret: True
) -> str:
    """Return a secret as its file holds it now; as it was at the start while that can't be read or used."""
    if file is not None:
        with suppress(OSError, ValueError):
            secret = read_secret(file)
            if is_usable(secret):
                return secret
    return at_start.get_secret_value() if at_start else ""
