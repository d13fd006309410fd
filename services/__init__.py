"""The four services. They never import each other; they meet only in Redis (`shared/keys.py` is the contract)."""

import os
import signal
import sys

if os.getpid() == 1:
    # The first process of a container has no default actions: until a service has a handler of its own, a second of
    # imports later, SIGTERM would go by, and who stops the container would wait until he kills it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
