from shared import data_queue
from shared.queues.data_queue import DataQueue


def test_an_engine_written_for_an_older_version_finds_the_queue_where_it_was() -> None:
    """Kind: an upgrade that moves what others import."""
    assert data_queue.DataQueue is DataQueue
