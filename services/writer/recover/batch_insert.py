"""One batch of a backup file into the table: there is no backup to fall back to, the file is the backup."""

from collections.abc import Sequence

from services.writer.deliver.insertion import Insertion
from services.writer.sink import TakesValues, Verdict
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.models import TagValue

_log = get_logger()


class BatchInsert(Insertion):
    """The values of one batch of a file.

    `oracle_is_proven`: it took other rows of late, so that an unknown error of one row alone is that row's.
    """

    def __init__(self, values: Sequence[TagValue], *, oracle_is_proven: bool) -> None:
        super().__init__(values)
        self._oracle_is_proven = oracle_is_proven

    def run(self, sink: TakesValues, retry_delays_s: Sequence[float], stop: StopFlag) -> None:
        """See every value through: written, duplicate or rejected.

        Raises: SinkError: the retries are used up (none are made for what a person must see to), or it was stopped
            between two of them; call it again to go on with the rest.
        """
        failures = 0
        while self.rest:
            error = self.attempt(sink)
            if error is None:
                return
            failures += 1
            is_last = failures > len(retry_delays_s)
            if error.verdict is Verdict.ROW or (error.verdict is Verdict.UNKNOWN and is_last):
                error = self.isolate(sink, error, oracle_is_proven=self._oracle_is_proven)
                if error is not None:
                    raise error
                return
            _log.warning(f"Oracle write failed (attempt {failures}/{len(retry_delays_s) + 1}): {error}")
            if is_last or error.needs_a_person:
                raise error
            _log.warning(f"Retrying in {retry_delays_s[failures - 1]} seconds...")
            if stop.wait(retry_delays_s[failures - 1]):
                raise error
