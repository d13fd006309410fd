"""A log line never fails or blocks its caller, whatever stands at the other end of stderr; and none floods the log."""

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
import unicodedata
from pathlib import Path

import pytest
import structlog

from sandbox.harness.waiting import wait_until
from shared.logs.limit import LINES, WINDOW_S, LineLimit
from shared.logs.stream import AT_END_S, MAX_WAITING_BYTES, LogStream
from tests.fakes import FakeClock

ROOT = Path(__file__).parents[4]

#: Logs far more than a pipe or the queue takes, then says on another descriptor that it came through.
FLOOD = """
    import os, sys
    from shared.logs import configure_logs, get_logger
    configure_logs("INFO", "console")
    for number in range(30_000):
        get_logger().info(f"line {number} " + "x" * 100, kind=None)
    os.write(int(sys.argv[1]), b"came through")
"""


def start(program: str, stderr: int, *descriptors: int) -> subprocess.Popen[bytes]:
    """Run a program in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, descriptors)],
        cwd=ROOT, stderr=stderr, stdin=subprocess.DEVNULL, pass_fds=descriptors,
    )  # fmt: skip


def test_a_pipe_whose_reader_stands_still_blocks_nobody_and_the_rest_is_counted() -> None:
    """Kind: a log line that blocks. A full pipe held the process for ever."""
    (reader, writer), (told, telling) = os.pipe(), os.pipe()
    process = start(FLOOD, writer, telling)
    os.close(writer)
    os.close(telling)
    assert os.read(told, 20) == b"came through"
    assert process.wait(30) == 0, "nor does the end wait for it"
    with os.fdopen(reader) as pipe:
        assert pipe.readline().endswith("line 0 " + "x" * 100 + "\n")
    os.close(told)


def test_a_pipe_whose_reader_is_gone_fails_nobody() -> None:
    """Kind: a log line that fails. EPIPE ended the caller."""
    (reader, writer), (told, telling) = os.pipe(), os.pipe()
    os.close(reader)
    process = start(FLOOD, writer, telling)
    os.close(writer)
    os.close(telling)
    assert os.read(told, 20) == b"came through"
    assert process.wait(30) == 0
    os.close(told)


def test_what_was_left_out_is_said_when_the_reader_reads_again() -> None:
    reader, writer = os.pipe()
    stream = LogStream(writer)
    lines = 3 * MAX_WAITING_BYTES // 100
    for number in range(lines):
        stream.write(f"{number:99}\n")
    read = left_out = 0
    with os.fdopen(reader) as pipe:
        while read + left_out < lines:
            line = pipe.readline()
            if "log lines were left out" in line:
                left_out += int(line.split(" ", 1)[0])
            else:
                read += 1
        assert left_out > 0
        assert read + left_out == lines


def test_a_pipe_that_another_program_made_non_blocking_loses_nothing() -> None:
    """Kind: EAGAIN. Programs that share our terminal set O_NONBLOCK on it, and plain writes then fail half-way."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    stream = LogStream(writer)
    text = "y" * 300_000 + "\n"
    stream.write(text)
    said = b""
    while len(said) < len(text):
        said += os.read(reader, 65_536)
    assert said.decode() == text
    os.close(reader)


def test_lines_are_kept_while_the_place_refuses_them(tmp_path: Path) -> None:
    """Kind: ENOSPC. RLIMIT_FSIZE stands for the full disk: a write is cut short, the next one refused."""
    program = """
        import os, resource, sys, time
        from shared.logs import configure_logs, get_logger
        configure_logs("INFO", "console")
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, resource.RLIM_INFINITY))
        for number in range(5):
            get_logger().info(f"line {number} " + "x" * 100)
        os.read(0, 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.read(0, 1)
    """
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, stdin=subprocess.PIPE, stderr=output
        )
    assert process.stdin is not None
    wait_until(lambda: log.exists() and log.stat().st_size == 150, what="a full disk")
    process.stdin.write(b"1")
    process.stdin.flush()
    wait_until(lambda: "line 4 " in log.read_text(), what="the lines that waited")
    process.stdin.close()
    assert process.wait(20) == 0
    lines = log.read_text().splitlines()
    assert [line.split("line ")[1][0] for line in lines] == list("01234")


def test_the_last_lines_before_a_hard_end_are_there() -> None:
    program = """
        from shared.lifecycle import leave
        from shared.logs import configure_logs, get_logger
        configure_logs("INFO", "json")
        get_logger().error("the last line")
        leave(3)
    """
    reader, writer = os.pipe()
    process = start(program, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert json.loads(pipe.read())["event"] == "the last line"
    assert process.wait(20) == 3


def test_python_and_the_libraries_write_by_the_same_way() -> None:
    program = """
        import logging, sys, threading, warnings
        from shared.logs import configure_logs
        configure_logs("INFO", "console")
        logging.getLogger("asyncua.client").warning("a library's %s", "warning")
        logging.getLogger("x").warning("wrong %d", "number")
        warnings.warn("a warning of Python's", stacklevel=1)
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        raise RuntimeError("the end \\ud800")
    """
    reader, writer = os.pipe()
    process = start(program, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    assert process.wait(20) == 1
    for text in ("a library's warning", "a warning of Python's", "ZeroDivisionError", "RuntimeError: the end \\ud800"):
        assert text in said


def test_a_closed_stderr_does_not_become_somebody_elses_file(tmp_path: Path) -> None:
    """Kind: `2>&-`. The number 2 was given to the first file opened, and log lines were written into that."""
    program = """
        import sys
        from shared.logs import configure_logs, get_logger
        configure_logs("INFO", "console")
        files = [open(f"{sys.argv[1]}_{number}", "w") for number in range(3)]
        for file in files:
            print("rows", end="", file=file, flush=True)
        get_logger().error("a log line")
        sys.stderr.wait_until_written(5)
    """
    data = tmp_path / "backup"
    shell = ["/bin/sh", "-c", '"$0" "$@" 2>&- <&-', sys.executable, "-c", textwrap.dedent(program), str(data)]
    done = subprocess.run(shell, cwd=ROOT, check=False, timeout=20, capture_output=True)
    assert done.returncode == 0
    assert [path.read_text() for path in sorted(tmp_path.glob("backup_*"))] == ["rows"] * 3
    assert done.stdout == b""


def test_a_stuck_reader_costs_the_end_no_more_than_promised() -> None:
    reader, writer = os.pipe()
    stream = LogStream(writer)
    stream.write("z" * 500_000)
    began = time.monotonic()
    assert not stream.wait_until_written(AT_END_S)
    assert time.monotonic() - began < 10 * AT_END_S
    os.close(reader)


class Said:
    """What a limit said of its own accord."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.counts: list[tuple[str, str]] = []
        self.limit = LineLimit(lambda level, text: self.counts.append((level, text)), self.clock.monotonic)

    def passes(self, text: str, **fields: object) -> bool:
        try:
            event = self.limit(None, "warning", {"event": text, **fields})
        except structlog.DropEvent:
            return False
        assert "kind" not in event
        return True


def test_a_place_that_repeats_itself_is_limited_and_the_rest_counted() -> None:
    said = Said()
    assert sum(said.passes(f"junk {number}") for number in range(50_000)) == LINES
    said.clock.seconds += WINDOW_S
    said.limit.say_left_out()
    assert said.counts == [("warning", f"{50_000 - LINES} more lines like this were left out: junk 49999")]
    assert said.passes("again")
    said.limit.say_left_out(at_once=True)
    assert len(said.counts) == 1


def test_other_places_and_kinds_have_limits_of_their_own() -> None:
    said = Said()
    with pytest.raises(structlog.DropEvent):  # noqa: PT012 - the loop is one place
        while True:
            said.limit(None, "info", {"event": "one place"})
    assert said.limit(None, "info", {"event": "another place"})
    for group in ("a", "b"):
        assert sum(said.passes("of a group", kind=group) for _ in range(100)) == LINES
    assert all(said.passes("with a bound of its own", kind=None) for _ in range(100))


def test_kinds_from_outside_have_a_bound() -> None:
    said = Said()
    passed = sum(said.passes("junk", kind=f"name {number}") for number in range(20_000))
    assert passed < 2_000
    assert len(said.limit._windows) < 2_000


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_service_that_repeats_itself_says_how_often_at_its_end(log_format: str) -> None:
    program = f"""
        from shared.logs import configure_logs, get_logger
        configure_logs("INFO", "{log_format}")
        for number in range(1000):
            get_logger().warning("junk" * 10_000)
    """
    reader, writer = os.pipe()
    process = start(program, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        lines = pipe.read().splitlines()
    assert process.wait(20) == 0
    assert len(lines) == LINES + 1
    assert f"{1000 - LINES} more lines like this were left out: junk" in lines[-1]
    assert all(len(line) < 5_000 for line in lines)


def test_however_many_kinds_repeat_one_thread_says_so() -> None:
    said = Said()
    before = threading.active_count()
    for number in range(200):
        for _ in range(LINES + 1):
            said.passes("of a group", kind=number)
    assert threading.active_count() == before + 1
    said.limit.say_left_out(at_once=True)
    assert len(said.counts) == 200


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_text_from_outside_forges_no_line_and_no_colour(log_format: str) -> None:
    """Kind: log injection. A group's name with a line break wrote lines that looked like ours.

    Terminals, editors and log viewers know more line breaks than \\n, and characters that turn a line round; a fault's
    text stands in its traceback, too, and a field is no safer than the text.
    """
    forged = "a\n2026-01-01 [critical ] all is lost\x1b[2J\r\x85\u2028\u2029\u202e\u2066\u200f\ufeff\x9b1m"
    program = f"""
        from shared.logs import configure_logs, get_logger
        configure_logs("INFO", "{log_format}")
        forged = {forged!a}
        get_logger().error(f"group '{{forged}}': 온도\u00a0\u3000", tag=forged)
        try:
            raise ValueError(forged)
        except ValueError:
            get_logger().exception("unforeseen")
    """
    reader, writer = os.pipe()
    process = start(program, writer)
    os.close(writer)
    with os.fdopen(reader, newline="\n", encoding="utf-8") as pipe:
        said = pipe.read()
    assert process.wait(20) == 0
    assert not any(unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp"} for letter in said.replace("\n", ""))
    shown = "all is lost\\x1b[2J\\r\\x85\\u2028\\u2029\\u202e\\u2066\\u200f\\ufeff\\x9b1m"
    if log_format == "json":
        lines = [json.loads(line) for line in said.splitlines()]
        assert shown in lines[0]["event"]
        assert shown in lines[0]["tag"]
        assert shown in lines[1]["exception"]
    else:
        assert said.count("\n    2026-01-01 [critical ] " + shown) == 2
        assert not any(line.startswith("2026-01-01") for line in said.splitlines())
    assert "온도\u00a0\u3000" in said
