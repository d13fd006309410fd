"""A secret that stands in a file of its own."""

from pathlib import Path

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
