"""How fast the Oracle stand-in is, with the real driver: it must never be what a test of the pipeline waits for.

    python -m bench.oracle_stand_in [BATCHES] [REPETITIONS]

One connection inserts batches of 500 rows of 4 columns, each committed in the same round trip. Printed: rows a
second (median and spread over the repetitions), and the CPU time that a batch costs the server and the client.
"""

import os
import resource
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import oracledb

from oracle_stand_in.process import OracleStandIn

BATCH = 500
TABLE = """CREATE TABLE tag_data (
  tag_name VARCHAR2(100) NOT NULL, tag_value VARCHAR2(255) NOT NULL,
  timestamp TIMESTAMP(6) NOT NULL, quality VARCHAR2(20) NOT NULL,
  CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp))"""
INSERT = "INSERT INTO tag_data (tag_name, tag_value, timestamp, quality) VALUES (:1, :2, :3, :4)"
START = datetime(2026, 1, 1, 0, 0, 0, 250_000)  # noqa: DTZ001 - bound as TIMESTAMP, which has no zone
Row = tuple[str, str, datetime, str]


@dataclass(frozen=True)
class Run:
    """One repetition: rows a second, and CPU milliseconds a batch."""

    rows_per_s: float
    server_ms: float
    client_ms: float


def cpu_of(pid: int) -> float:
    """Return the CPU seconds that a process has used. Source: proc(5), /proc/PID/stat fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own_cpu() -> float:
    """Return the CPU seconds that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def batches(count: int, first: int) -> list[list[Row]]:
    """Make batches whose keys nobody has used."""
    moments = [START + timedelta(seconds=first + number) for number in range(count)]
    return [[(f"PLC01.D{i}", f"{i * 1.5}", moment, "GOOD") for i in range(BATCH)] for moment in moments]


def insert(connection: oracledb.Connection, rows: list[Row]) -> None:
    """Insert a batch the way the writer does."""
    with connection.cursor() as cursor:
        cursor.setinputsizes(100, 255, oracledb.DB_TYPE_TIMESTAMP, 20)
        cursor.executemany(INSERT, rows, batcherrors=True)


def repeat(stand_in: OracleStandIn, connection: oracledb.Connection, work: list[list[Row]]) -> Run:
    """Insert all batches and measure."""
    pid = stand_in.process.pid if stand_in.process else 0
    server, client, start = cpu_of(pid), own_cpu(), time.perf_counter()
    for rows in work:
        insert(connection, rows)
    seconds = time.perf_counter() - start
    per_batch = 1000 / len(work)
    return Run(len(work) * BATCH / seconds, (cpu_of(pid) - server) * per_batch, (own_cpu() - client) * per_batch)


def main(count: int, repetitions: int) -> None:
    """Run and print."""
    with OracleStandIn() as stand_in:
        connection = oracledb.connect(user=stand_in.user, password=stand_in.password, dsn=stand_in.dsn)
        connection.cursor().execute(TABLE)
        connection.autocommit = True
        for rows in batches(20, -20):
            insert(connection, rows)
        runs = [repeat(stand_in, connection, batches(count, number * count)) for number in range(repetitions)]
        connection.close()
    speeds = [run.rows_per_s for run in runs]
    print(
        f"{repetitions} x {count} batches of {BATCH} rows: median {statistics.median(speeds):,.0f} rows/s "
        f"(from {min(speeds):,.0f} to {max(speeds):,.0f}); CPU a batch: "
        f"server {statistics.median(run.server_ms for run in runs):.2f} ms, "
        f"client {statistics.median(run.client_ms for run in runs):.2f} ms"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, int(sys.argv[2]) if len(sys.argv) > 2 else 5)
