"""The end of a process of the writer, whatever still hangs in the driver."""

import os
import threading

from services.writer.sink import Sink

#: Seconds that the closing of connections may take.
_CLOSING_S = 0.5


def close_and_leave(sink: Sink, status: int) -> None:
    """Close the connections if that is quick; end the process with `status` at once if a thread still hangs."""
    closing = threading.Thread(target=sink.close, daemon=True)
    closing.start()
    closing.join(_CLOSING_S)
    if closing.is_alive() or any(thread.is_alive() and thread.daemon for thread in threading.enumerate()):
        # The driver's own exit handler would wait for what hangs.
        os._exit(status)
