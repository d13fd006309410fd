import signal
import subprocess

from sandbox.harness.watchdog import beginning_of, end_groups


def test_a_group_whose_number_is_anothers_by_now_is_left() -> None:
    """Kind: a number kept for longer than what it named. Numbers come round after some 30,000 processes."""
    with (
        subprocess.Popen(["sleep", "60"], start_new_session=True) as ours,
        subprocess.Popen(["sleep", "60"], start_new_session=True) as anothers,
    ):
        # Given: one that began when it was told of, and one whose number was told of when it was another process's
        told_of = {ours.pid: beginning_of(ours.pid), anothers.pid: "1"}
        end_groups(told_of, 0.0)
        # Expect: the one has ended, the other goes on
        assert ours.wait(10) in {-signal.SIGTERM, -signal.SIGKILL}
        assert anothers.poll() is None
        anothers.kill()
