import os
import pty
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from shared.lifecycle import StopFlag, stop_on_signals

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(autouse=True)
def _hangups_mean_what_they_do_by_default() -> Iterator[None]:
    """Not so where these tests were themselves started by nohup, and what they start inherits it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def run(program: str, stdin: int = subprocess.DEVNULL, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT, capture_output=True, text=True, timeout=20, check=False,
        env={"PATH": os.environ["PATH"], **environment}, stdin=stdin,
    )  # fmt: skip


def test_a_flag_wakes_every_thread_that_waits() -> None:
    stop = StopFlag()
    assert not stop.wait(0.01)
    threads = [threading.Thread(target=stop.wait, args=(30,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.set()
    stop.set()
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)
    assert stop.wait(30)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_sets_the_flag_and_handlers_are_put_back(signum: signal.Signals) -> None:
    before = signal.getsignal(signum)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), signum)
        assert stop.wait(5)
        assert signal.getsignal(signum) == signal.SIG_DFL
    assert signal.getsignal(signum) == before


def test_a_process_that_does_not_come_to_its_end_is_ended() -> None:
    ended = run("""
        import os, signal, time
        from shared.lifecycle import stop_on_signals
        with stop_on_signals(limit_s=0.2) as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(15)
        print("never")
    """)
    assert ended.returncode == 0
    assert "never" not in ended.stdout


@pytest.mark.parametrize(("terminal", "said"), [(False, "goes on"), (True, "stopped")])
def test_a_hangup_ends_who_has_a_terminal_and_nobody_else(terminal: bool, said: str) -> None:
    """Kind: a signal that says something harmless to others ends us. Log rotation sends it to every daemon."""
    ours, theirs = pty.openpty()
    program = """
        import os, signal
        from shared.lifecycle import run_service, stop_on_signals
        from shared.settings.models import ServiceSettings
        def main(settings):
            with stop_on_signals() as stop:
                os.kill(os.getpid(), signal.SIGHUP)
                print("stopped" if stop.is_set() else "goes on")
        run_service(ServiceSettings, main)
    """
    ended = run(program, stdin=theirs if terminal else subprocess.DEVNULL)
    assert (ended.returncode, ended.stdout.strip()) == (0, said)
    os.close(ours)
    os.close(theirs)


def test_a_limit_of_threads_is_named() -> None:
    """Kind: words that do not help: a container's limit of pids is a traceback."""
    ended = run("""
        import threading
        from shared.lifecycle import run_service
        from shared.settings.models import ServiceSettings
        def main(settings):
            def none(*_):
                raise RuntimeError("can't start new thread")
            threading._start_new_thread = none
            threading.Thread(target=print).start()
        run_service(ServiceSettings, main)
    """)
    assert (ended.returncode, "pids_limit in Compose" in ended.stderr) == (1, True), ended.stderr


def test_a_writer_ends_in_good_order_though_no_thread_is_left_to_close_its_connections() -> None:
    """Kind: half alive: an end that needs what the limit of threads no longer gives."""
    ended = run("""
        import threading, types
        from services.writer.leave import close_and_leave
        def none(_thread):
            raise RuntimeError("can't start new thread")
        threading.Thread.start = none
        close_and_leave(types.SimpleNamespace(close=print), 0)
    """)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.req("FR-020")
def test_wrong_settings_are_one_line_each_and_exit_status_2(tmp_path: Path) -> None:
    program = "from services.writer.__main__ import app; app()"
    ended = run(program, BUFFER_MAX_SIZE="x", ORACLE_PASSWORD="very-secret", LOG_LEVEL="x", HOME=str(tmp_path))
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    assert any("BUFFER_MAX_SIZE=x" in line for line in lines)
    assert any("ORACLE_USER is not set" in line for line in lines)
    assert "very-secret" not in ended.stderr


@pytest.mark.parametrize("service", ["consumer", "monitor", "poller", "writer"])
def test_a_traceback_never_shows_the_values_of_variables(service: str) -> None:
    """Kind: a secret in a log, by what prints a traceback with the local variables in it."""
    assert import_module(f"services.{service}.__main__").app.pretty_exceptions_enable is False
