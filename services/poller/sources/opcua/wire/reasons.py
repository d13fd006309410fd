"""Why a server, or a node, can't be read: in one line."""

from asyncua import ua

from shared.texts import cut


def reason(error: Exception) -> str:
    """Return in one line why a server can't be read."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ua.uaerrors.UaStatusCodeError):
        return type(error).__name__
    lines = str(error).splitlines()
    if isinstance(error, ua.uaerrors.UaError | OSError) and lines:
        return cut(lines[0])
    # What a library raises by mistake often has a text that says nothing without its type.
    return cut(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
