"""The client of the control API, for tests and the demo: one method per fault."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any, Literal
from urllib.parse import urlsplit

Cut = Literal["rst", "fin"]
When = Literal["before", "after"]


class ControlError(Exception):
    """The stand-in refused a command; the message says why."""


@dataclass(frozen=True)
class Status:
    """What the stand-in counts; see the server's Counters for what each means."""

    dsn: str
    flavour: str
    sessions: int
    connections_open: int
    connections: int
    logons: int
    round_trips: int
    executions: int
    rows_inserted: int
    commits: int
    rollbacks: int
    pings: int
    errors: int
    #: committed rows by table
    tables: dict[str, int] = field(default_factory=dict)
    #: active faults with what is left of them
    faults: dict[str, Any] = field(default_factory=dict)


class OracleControl:
    """Switches the stand-in's faults on and off.

    `count` is how often a fault strikes (None: until reset), `probability` how likely each time, `how` whether a
    connection ends by RST ("rst") or in order ("fin").

    Raises: ControlError by every method, for a command that is refused; OSError: the stand-in is not there.
    """

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s

    def refuse_connections(
        self, code: int | None = None, *, count: int | None = None, probability: float = 1.0
    ) -> None:
        """Reset new connections once TCP has accepted them; with `code`, answer as a listener does (REFUSE)."""
        self._post("refuse_connections", code=code, count=count, probability=probability)

    def accept_connections(self) -> None:
        """End refuse_connections."""
        self._post("accept_connections")

    def stop_listening(self, cut: Cut | None = None) -> None:
        """Refuse TCP connections; with `cut`, end the sessions there are."""
        self._post("stop_listening", cut=cut)

    def ignore_connections(self) -> None:
        """Leave connection attempts unanswered, as a host that is switched off does, until `listen` or `reset`."""
        self._post("ignore_connections")

    def listen(self) -> None:
        """Accept TCP connections again, on the same port."""
        self._post("listen")

    def cut_sessions(self, how: Cut = "rst") -> None:
        """Cut every connection now."""
        self._post("cut_sessions", how=how)

    def announce(self, code: int = 12572) -> None:
        """Tell every session of itself what will become of it: 12572, its service stops soon (a planned shutdown)."""
        self._post("announce", code=code)

    def forget_sessions(self) -> None:
        """Let every session there is fall silent without a RST, as a firewall that forgets them; new ones work."""
        self._post("forget_sessions")

    def cut_before_execute(self, count: int | None = 1, *, how: Cut = "rst", probability: float = 1.0) -> None:
        """Cut the connection instead of executing."""
        self._post("cut_before_execute", count=count, how=how, probability=probability)

    def cut_mid_call(
        self, count: int | None = 1, *, how: Cut = "rst", half_answer: bool = False, probability: float = 1.0
    ) -> None:
        """Execute but do not commit, then cut the connection; with `half_answer`, after half of the answer."""
        self._post("cut_mid_call", count=count, how=how, half_answer=half_answer, probability=probability)

    def lose_reply_after_commit(self, count: int | None = 1, *, how: Cut = "rst", probability: float = 1.0) -> None:
        """Commit, then cut the connection instead of answering."""
        self._post("lose_reply_after_commit", count=count, how=how, probability=probability)

    def delay_ms(self, milliseconds: float) -> None:
        """Wait so long before every answer; 0 ends it."""
        self._post("delay_ms", milliseconds=milliseconds)

    def hang_new_connections(self, *, count: int | None = None, probability: float = 1.0) -> None:
        """Accept new connections and say nothing to them, until `release`."""
        self._post("hang_new_connections", count=count, probability=probability)

    def hang_calls(self, when: When = "before", *, count: int | None = None, probability: float = 1.0) -> None:
        """Do not answer calls until `release`, either before the work is done or after it (and after its commit)."""
        self._post("hang_calls", when=when, count=count, probability=probability)

    def release(self) -> None:
        """End hang_new_connections and hang_calls; whoever is held up goes on."""
        self._post("release")

    def fail_next(
        self,
        count: int | None = 1,
        *,
        ora_code: int = 1653,
        message: str | None = None,
        table: str | None = None,
        verb: str | None = None,
        probability: float = 1.0,
    ) -> None:
        """Fail executions with an ORA error; `table` and `verb` (INSERT...) limit which. May be given repeatedly."""
        self._post(
            "fail_next",
            count=count,
            ora_code=ora_code,
            message=message,
            table=table,
            verb=verb,
            probability=probability,
        )

    def refuse_rows(
        self,
        ora_code: int = 20001,
        *,
        message: str | None = None,
        containing: str = "",
        table: str | None = None,
        count: int | None = None,
        probability: float = 1.0,
    ) -> None:
        """Refuse single rows of INSERTs, those that hold a text, with an ORA error. May be given repeatedly."""
        self._post(
            "refuse_rows",
            ora_code=ora_code,
            message=message,
            containing=containing,
            table=table,
            count=count,
            probability=probability,
        )

    def fail_logons(
        self, ora_code: int = 1033, *, count: int | None = None, message: str | None = None, probability: float = 1.0
    ) -> None:
        """Fail logons with an ORA error."""
        self._post("fail_logons", ora_code=ora_code, count=count, message=message, probability=probability)

    def limit_sessions(self, maximum: int | None) -> None:
        """Allow so many sessions; the next logon gets ORA-00018. None: no limit."""
        self._post("limit_sessions", maximum=maximum)

    def change_password(self, password: str) -> None:
        """Change the password; `reset` does not change it back."""
        self._post("change_password", password=password)

    def character_set(self, name: str) -> None:
        """Call the database's character set so in the dictionary; `reset` does not change it back."""
        self._post("character_set", name=name)

    def database_role(self, name: str) -> None:
        """Say that the database is this, such as a PHYSICAL STANDBY; `reset` does not change it back."""
        self._post("database_role", name=name)

    def lock_account(self) -> None:
        """Lock the account: logons get ORA-28000."""
        self._post("lock_account")

    def give_old_verifier(self) -> None:
        """Offer the verifier of a password that is older than 11g: the driver gives up with DPY-3015."""
        self._post("give_old_verifier")

    def warn_at_logon(self, ora_code: int = 28002, *, message: str | None = None) -> None:
        """Let logons go well with a warning, such as that of a password that expires."""
        self._post("warn_at_logon", ora_code=ora_code, message=message)

    def unlock_account(self) -> None:
        """Unlock the account."""
        self._post("unlock_account")

    def reset(self) -> None:
        """End every fault, listen again, let go whoever is held up. Data and counters stay."""
        self._post("reset")

    def status(self) -> Status:
        """Return counters, sessions, tables and active faults."""
        return Status(**self._call("GET", "status", b""))

    def _post(self, command: str, **arguments: object) -> None:
        self._call("POST", command, json.dumps(arguments).encode())

    def _call(self, method: str, command: str, body: bytes) -> dict[str, Any]:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=self._timeout_s)
        try:
            connection.request(method, f"/{command}", body)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise ControlError(f"{command}: {answer.get('error', response.status)}")
        return answer
