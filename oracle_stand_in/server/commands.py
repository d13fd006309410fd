"""What the control API can do, one method per command; it runs in the event loop.

The names and arguments of the methods are the API: POST /<method> with a JSON object of arguments. `control.py` is
the client's side of the same list.
"""

from oracle_stand_in.errors import OracleError
from oracle_stand_in.faults.state import Cut, CutFault, FailFault, RefuseFault, RowFault, Shots, When
from oracle_stand_in.protocol.packets import notice_packet
from oracle_stand_in.server.instance import Instance
from oracle_stand_in.server.server import Server

CUTS = ("rst", "fin")


class Commands:
    """Switches faults on and off."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._instance: Instance = server.instance

    def refuse_connections(self, code: int | None = None, count: int | None = None, probability: float = 1.0) -> None:
        """Reset new connections after TCP accepted them; with `code`, refuse them as a listener does (REFUSE)."""
        self._instance.faults.refuse = RefuseFault(Shots(count, probability), code)

    def accept_connections(self) -> None:
        """End refuse_connections."""
        self._instance.faults.refuse = None

    def stop_listening(self, cut: Cut | None = None) -> None:
        """Refuse TCP connections; with `cut` (rst or fin) end the sessions there are."""
        if cut is not None:
            _check_cut(cut)
        self._server.stop_listening()
        if cut is not None:
            self._server.cut_sessions(cut)

    def ignore_connections(self) -> None:
        """Leave connection attempts unanswered (no SYN gets a reply), until listen or reset."""
        self._server.ignore_connections()

    def listen(self) -> None:
        """Accept TCP connections again, on the same port."""
        self._server.listen()

    def cut_sessions(self, how: Cut = "rst") -> None:
        """Cut every connection now."""
        self._server.cut_sessions(_check_cut(how))

    def announce(self, code: int = 12572) -> None:
        """Tell every session of itself what will become of it: 12572, its service stops soon (a planned shutdown)."""
        for connection in self._server.connections:
            connection.send(notice_packet(code))

    def forget_sessions(self) -> None:
        """Let every session there is fall silent without a RST, as a firewall that forgets them; new ones work."""
        self._server.forget_sessions()

    def cut_before_execute(self, count: int | None = 1, how: Cut = "rst", probability: float = 1.0) -> None:
        """Cut the connection instead of executing, the next `count` times."""
        self._instance.faults.before_execute = CutFault(Shots(count, probability), _check_cut(how))

    def cut_mid_call(
        self, count: int | None = 1, how: Cut = "rst", half_answer: bool = False, probability: float = 1.0
    ) -> None:
        """Execute but do not commit, then cut the connection; with `half_answer`, after half of the answer."""
        self._instance.faults.mid_call = CutFault(Shots(count, probability), _check_cut(how), half_answer)

    def lose_reply_after_commit(self, count: int | None = 1, how: Cut = "rst", probability: float = 1.0) -> None:
        """Commit, then cut the connection instead of answering, the next `count` times."""
        self._instance.faults.after_commit = CutFault(Shots(count, probability), _check_cut(how))

    def delay_ms(self, milliseconds: float) -> None:
        """Wait so long before every answer; 0 ends it."""
        if milliseconds < 0:
            raise ValueError("milliseconds must not be negative")
        self._instance.faults.delay_ms = milliseconds

    def hang_new_connections(self, count: int | None = None, probability: float = 1.0) -> None:
        """Accept new connections and say nothing to them, until released."""
        self._instance.faults.new_connections.close(Shots(count, probability))

    def hang_calls(self, when: When = "before", count: int | None = None, probability: float = 1.0) -> None:
        """Do not answer calls until released; `when`: before the work is done, or after (and after the commit)."""
        if when not in ("before", "after"):
            raise ValueError("when must be before or after")
        self._instance.faults.calls.close(Shots(count, probability), when)

    def release(self) -> None:
        """End hang_new_connections and hang_calls; those held up go on."""
        self._instance.faults.new_connections.release()
        self._instance.faults.calls.release()

    def fail_next(
        self,
        count: int | None = 1,
        ora_code: int = 1653,
        message: str | None = None,
        table: str | None = None,
        verb: str | None = None,
        probability: float = 1.0,
    ) -> None:
        """Fail executions with an ORA error; `table` and `verb` (INSERT...) limit which. May be given repeatedly."""
        fault = FailFault(
            Shots(count, probability),
            ora_code,
            message,
            table.upper() if table else None,
            verb.upper() if verb else None,
        )
        self._instance.faults.failures.append(fault)

    def refuse_rows(
        self,
        ora_code: int = 20001,
        message: str | None = None,
        containing: str = "",
        table: str | None = None,
        count: int | None = None,
        probability: float = 1.0,
    ) -> None:
        """Refuse single rows of INSERTs, those that hold a text, with an ORA error. May be given repeatedly."""
        fault = RowFault(
            Shots(count, probability), ora_code, message, containing.encode(), table.upper() if table else None
        )
        self._instance.faults.row_faults.append(fault)

    def fail_logons(
        self, ora_code: int = 1033, count: int | None = None, message: str | None = None, probability: float = 1.0
    ) -> None:
        """Fail logons with an ORA error, such as 1033 while a database starts."""
        self._instance.faults.logon_failure = FailFault(Shots(count, probability), ora_code, message)

    def limit_sessions(self, maximum: int | None) -> None:
        """Allow so many sessions; the next logon gets ORA-00018. null: no limit."""
        self._instance.faults.session_limit = maximum

    def change_password(self, password: str) -> None:
        """Change the password; a reset does not change it back."""
        self._instance.account.set_password(password)

    def character_set(self, name: str) -> None:
        """Call the database's character set so in the dictionary; texts are stored as they come all the same."""
        self._instance.database.character_set = name

    def database_role(self, name: str) -> None:
        """Say that the database is this, such as a PHYSICAL STANDBY; it takes writes all the same."""
        self._instance.database.role = name

    def lock_account(self) -> None:
        """Lock the account: logons get ORA-28000."""
        self._instance.faults.is_locked = True

    def give_old_verifier(self) -> None:
        """Offer the kind of verifier that an account has whose password is older than 11g."""
        self._instance.faults.has_old_verifier = True

    def warn_at_logon(self, ora_code: int = 28002, message: str | None = None) -> None:
        """Let logons go well with a warning: that the password expires soon."""
        self._instance.faults.logon_warning = OracleError(ora_code, text=message)

    def unlock_account(self) -> None:
        """Unlock the account."""
        self._instance.faults.is_locked = False

    def reset(self) -> None:
        """End every fault, listen again, and let go whoever is held up. Data and counters stay."""
        self._instance.faults.reset()
        self._server.listen()

    def status(self) -> dict[str, object]:
        """Return counters, sessions, tables and active faults."""
        instance = self._instance
        faults = instance.faults.active()
        if not self._server.is_listening:
            faults["stop_listening"] = True
        if self._server.is_ignoring:
            faults["ignore_connections"] = True
        return {
            "dsn": f"{self._server.host}:{self._server.port}/{instance.service}",
            "flavour": instance.flavour.name,
            "sessions": len(instance.database.sessions),
            "connections_open": len(self._server.connections),
            **instance.counters.as_dict(),
            "tables": {name: len(table.rows) for name, table in instance.kept.tables.items()},
            "faults": faults,
        }


def _check_cut(how: Cut) -> Cut:
    if how not in CUTS:
        raise ValueError("a connection is cut by rst or fin")
    return how
