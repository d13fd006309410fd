"""Faults that a test or a person switches on. Each can be limited to so many times and to a probability."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from oracle_stand_in.errors import OracleError

When = Literal["before", "after"]

#: how a connection is cut: reset at once, or closed in order
Cut = Literal["rst", "fin"]


@dataclass
class Shots:
    """How often a fault fires: `count` times (None: until reset), each time with `probability`."""

    count: int | None = None
    probability: float = 1.0

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise ValueError("count must be at least 1")
        if not 0 < self.probability <= 1:
            raise ValueError("probability must be above 0 and at most 1")

    def fires(self) -> bool:
        """Whether it fires now; a shot that fires is used up."""
        if self.count == 0 or (self.probability < 1 and random.random() >= self.probability):
            return False
        if self.count is not None:
            self.count -= 1
        return True


@dataclass
class RefuseFault:
    """New connections are reset, or refused with a listener's error code."""

    shots: Shots
    code: int | None = None


@dataclass
class CutFault:
    """A connection is cut at a certain point of a call."""

    shots: Shots
    how: Cut = "rst"
    #: whether half of the answer is sent first
    half_answer: bool = False


@dataclass
class FailFault:
    """Executions fail with an Oracle error."""

    shots: Shots
    code: int
    text: str | None = None
    #: only statements that write to this table
    table: str | None = None
    #: only statements that begin with this word
    verb: str | None = None

    def error(self) -> OracleError:
        """Return the error."""
        return OracleError(self.code, text=self.text)


@dataclass
class RowFault:
    """Rows that hold a text are refused one by one, as a trigger, a partition or a constraint of the table does."""

    shots: Shots
    code: int
    text: str | None = None
    #: what one of the row's columns holds; empty: every row
    containing: bytes = b""
    table: str | None = None

    def check(self, row: Sequence[bytes]) -> None:
        """Raises: OracleError: the row is refused."""
        if any(self.containing in cell for cell in row) and self.shots.fires():
            raise OracleError(self.code, text=self.text)


class Gate:
    """Holds callers up until it is released."""

    def __init__(self) -> None:
        self._released: asyncio.Future[None] | None = None
        self.shots = Shots()
        self.when: When = "before"

    @property
    def is_closed(self) -> bool:
        """Whether callers are held up."""
        return self._released is not None

    def close(self, shots: Shots, when: When = "before") -> None:
        """Hold up callers from now on."""
        self.release()
        self.shots, self.when = shots, when
        self._released = asyncio.get_running_loop().create_future()

    def release(self) -> None:
        """Let everybody go on."""
        if self._released is not None and not self._released.done():
            self._released.set_result(None)
        self._released = None

    def hold(self, when: When = "before") -> "asyncio.Future[None] | None":
        """Return what to wait for; None: go on."""
        if self._released is None or when != self.when or not self.shots.fires():
            return None
        return self._released


@dataclass
class Faults:
    """All that can be wrong, and whether it is."""

    refuse: RefuseFault | None = None
    new_connections: Gate = field(default_factory=Gate)
    calls: Gate = field(default_factory=Gate)
    before_execute: CutFault | None = None
    mid_call: CutFault | None = None
    after_commit: CutFault | None = None
    delay_ms: float = 0
    failures: list[FailFault] = field(default_factory=list)
    row_faults: list[RowFault] = field(default_factory=list)
    logon_failure: FailFault | None = None
    #: what is said of the account at each logon, which goes well all the same
    logon_warning: OracleError | None = None
    session_limit: int | None = None
    is_locked: bool = False
    has_old_verifier: bool = False

    def reset(self) -> None:
        """Switch everything off, and let go whoever is held up."""
        self.new_connections.release()
        self.calls.release()
        fresh = Faults(new_connections=self.new_connections, calls=self.calls)
        self.__dict__.update(fresh.__dict__)

    def check_execute(self, verb: str, table: str | None) -> None:
        """Raise the error that this execution is to fail with, if any. Raises: OracleError.

        ALTER SESSION belongs to the session's beginning: it fails where that is asked for by name.
        """
        for fault in self.failures:
            fits = fault.table in (None, table) and fault.verb in ((verb,) if verb == "ALTER" else (None, verb))
            if fits and fault.shots.fires():
                raise fault.error()

    def row_fault(self, table: str) -> Callable[[Sequence[bytes]], None] | None:
        """Return what checks each row that is inserted into a table; None where nothing does."""
        faults = [fault for fault in self.row_faults if fault.table in (None, table) and fault.shots.count != 0]

        def check(row: Sequence[bytes]) -> None:
            for fault in faults:
                fault.check(row)

        return check if faults else None

    def active(self) -> dict[str, object]:
        """Return what is switched on, for a status page."""
        found: dict[str, object] = {}
        for name, gate in (("hang_new_connections", self.new_connections), ("hang_calls", self.calls)):
            if gate.is_closed:
                found[name] = {"when": gate.when, **_shots(gate.shots)}
        faults: dict[str, CutFault | RefuseFault | FailFault | None] = {
            "refuse_connections": self.refuse,
            "cut_before_execute": self.before_execute,
            "cut_mid_call": self.mid_call,
            "lose_reply_after_commit": self.after_commit,
            "fail_logons": self.logon_failure,
        }
        for name, fault in faults.items():
            if fault is not None and fault.shots.count != 0:
                found[name] = _details(fault)
        failing = [_details(fault) for fault in self.failures if fault.shots.count != 0]
        others: dict[str, tuple[bool, object]] = {
            "fail_next": (bool(failing), failing),
            "refuse_rows": (bool(self.row_faults), [fault.code for fault in self.row_faults]),
            "delay_ms": (self.delay_ms > 0, self.delay_ms),
            "limit_sessions": (self.session_limit is not None, self.session_limit),
            "lock_account": (self.is_locked, True),
            "give_old_verifier": (self.has_old_verifier, True),
            "warn_at_logon": (self.logon_warning is not None, str(self.logon_warning)),
        }
        found.update({name: value for name, (is_on, value) in others.items() if is_on})
        return found


def _details(fault: "CutFault | RefuseFault | FailFault") -> dict[str, object]:
    details = {key: value for key, value in vars(fault).items() if key != "shots" and value is not None}
    return {**details, **_shots(fault.shots)}


def _shots(shots: Shots) -> dict[str, object]:
    return {"remaining": shots.count, "probability": shots.probability}


def fires(fault: "CutFault | RefuseFault | FailFault | None") -> bool:
    """Whether a fault is switched on and fires now."""
    return fault is not None and fault.shots.fires()
