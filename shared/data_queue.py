"""Where polling engines written for 0.2.0 find the DataQueue: it is in `shared.queues.data_queue` now."""

from shared.queues.data_queue import DataQueue

__all__ = ["DataQueue"]
