"""Claims about a tablespace that is full: whom the database blames, and that no row is lost for it."""

from services.writer.conformance.claim import Claims, DiffersError, expect
from services.writer.conformance.place import Place, ends, values
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import BatchOutcome, SinkError, Verdict

#: Bytes of the tablespace, and a number of batches that can't be in it.
_SIZE, _MOST_BATCHES = "1M", 40
_BATCH, _TEXT = 500, "x" * 250

_BY_DAY = (
    "STORAGE (INITIAL 64K NEXT 64K) PARTITION BY RANGE (timestamp) INTERVAL (NUMTODSINTERVAL(1, 'DAY')) "
    "(PARTITION p1 VALUES LESS THAN (TIMESTAMP '2025-01-01 00:00:00'))"
)

CLAIMS = Claims[Place]()


@CLAIMS.relied_on_by("services.writer.oracle.codes.verdict_of")
def tablespace_full(place: Place) -> str:
    """A full tablespace (ORA-01653) is no row's fault, said of a row or of the call."""
    return _full(place, after="")


@CLAIMS.relied_on_by("services.writer.oracle.codes.verdict_of")
def partition_full(place: Place) -> str:
    """So is one that a partition has no room in (ORA-01688)."""
    return _full(place, after=_BY_DAY)


def _full(place: Place, after: str) -> str:
    with place.guest(tablespace_size=_SIZE) as guest:
        table = guest.table(after=after)
        with guest.sink(table) as sink:
            stored, batch = _filled(sink, guest)
            single = _told(sink, 1, _MOST_BATCHES * _BATCH)
        found = guest.count(table)
    expect(found == stored, f"{found} rows are there, and {stored} were said to be stored")
    return f"after {stored} rows: {batch}; one row alone: {single}"


def _filled(sink: OracleSink, place: Place) -> tuple[int, str]:
    """Write until there is no room; return how many rows were stored, and what was said then."""
    stored = 0
    for number in range(_MOST_BATCHES):
        place.go_on()
        try:
            outcome = sink.write(values(_BATCH, _TEXT, first=number * _BATCH))
        except SinkError as error:
            return stored, _of_the_call(error)
        stored += outcome.written
        if outcome.written < outcome.size:
            return stored, _of_rows(outcome)
    raise DiffersError(f"{stored} rows are in a tablespace of {_SIZE}")


def _told(sink: OracleSink, count: int, first: int) -> str:
    try:
        outcome = sink.write(values(count, _TEXT * 1, first=first))
    except SinkError as error:
        return _of_the_call(error)
    return _of_rows(outcome) if outcome.kept else f"there was room for it ({ends(outcome)})"


def _of_the_call(error: SinkError) -> str:
    expect(error.verdict is Verdict.SPACE, f"{error.verdict}: {error}")
    return f"{error.code} of the call"


def _of_rows(outcome: BatchOutcome) -> str:
    said = [*outcome.rejected, *outcome.kept]
    expect(not outcome.rejected and not outcome.duplicates, f"{ends(outcome)}: {[error.message for error in said][:1]}")
    verdicts = {error.verdict for error in outcome.kept}
    expect(verdicts == {Verdict.SPACE}, f"{verdicts}: {outcome.kept[0].message}")
    codes = sorted({error.code for error in outcome.kept})
    return f"{', '.join(codes)} of {len(outcome.kept)} of {outcome.size} rows"
