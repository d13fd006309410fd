"""The end of a process of the writer, whatever still hangs in the driver."""

import threading
from contextlib import suppress

from services.writer.sink import Sink
from shared.lifecycle import leave

#: Seconds that the closing of connections may take.
_CLOSING_S = 0.5


def close_and_leave(sink: Sink, status: int) -> None:
    """Close the connections if that is quick; end the process with `status`, whatever its threads do."""
    closing = threading.Thread(target=sink.close, daemon=True)
    # Where no thread can be had, they end with the process.
    with suppress(RuntimeError):
        closing.start()
        closing.join(_CLOSING_S)
    # The driver's own exit handler would wait for what hangs.
    leave(status)
