"""What happens to a long run: all kinds by turns, those that kill a process in its first third alone."""

import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

from bench.stage import Stage

Fault: TypeAlias = tuple[str, Callable[[], object]]

AWAY_S, FROZEN_S = 20.0, 5.0


def faults(stage: Stage, replace: Callable[[str], None], is_killing_time: Callable[[], bool]) -> Iterator[Fault]:
    """Yield faults for ever. `replace`: kills a service and starts it anew."""
    oracle, redis = stage.stand_in.control, stage.redis

    def away() -> None:
        oracle.stop_listening("rst")
        time.sleep(AWAY_S)
        oracle.listen()

    def frozen() -> None:
        redis.pause()
        time.sleep(FROZEN_S)
        redis.resume()

    def restarted() -> None:
        redis.kill()
        redis.start()

    deadly: list[Fault] = [
        ("writer killed", lambda: replace("writer")),
        ("consumer killed", lambda: replace("consumer")),
        ("monitor killed", lambda: replace("monitor")),
    ]
    harmless: list[Fault] = [
        ("Oracle's sessions cut", lambda: oracle.cut_sessions("rst")),
        (f"Oracle away for {AWAY_S:.0f} s", away),
        (f"Redis frozen for {FROZEN_S:.0f} s", frozen),
        ("a reply lost after its commit", lambda: oracle.lose_reply_after_commit(1)),
        ("Redis killed and restarted", restarted),
        ("Oracle silent until the call's time is up", lambda: oracle.hang_calls("after", count=1)),
        ("no space in the table", lambda: oracle.fail_next(2, ora_code=1653, verb="INSERT")),
    ]
    while True:
        for number in range(max(len(deadly), len(harmless))):
            if is_killing_time():
                yield deadly[number % len(deadly)]
            yield harmless[number % len(harmless)]
