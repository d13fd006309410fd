"""The running stand-in as its sessions see it: account, engine, faults, counters."""

import ssl
from dataclasses import asdict, dataclass, field

from oracle_stand_in.engine.engine import Engine
from oracle_stand_in.engine.storage.journal import Journal
from oracle_stand_in.faults.state import Faults
from oracle_stand_in.flavour import Flavour
from oracle_stand_in.protocol.auth import Verifier

#: as SQLNET.INBOUND_CONNECT_TIMEOUT of a real server: whoever begins a message and does not go on is dropped
PATIENCE_S = 60.0


@dataclass
class Counters:
    """What has happened since the start; a reset of the faults leaves it alone."""

    #: TCP connections accepted
    connections: int = 0
    #: logons that succeeded
    logons: int = 0
    #: requests of logged-on clients, whatever they were
    round_trips: int = 0
    #: executions of statements, a batch counting as one
    executions: int = 0
    rows_inserted: int = 0
    #: commits done, by the COMMIT call, the commit option of an execution, or a COMMIT statement
    commits: int = 0
    rollbacks: int = 0
    pings: int = 0
    #: calls that were answered with an error
    errors: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counters by name."""
        return asdict(self)


@dataclass
class Account:
    """The one user there is."""

    user: str
    password: str
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        self.set_password(self.password)

    def set_password(self, password: str) -> None:
        """Change the password; sessions that are logged on stay so."""
        self.password = password
        self.verifier = Verifier.of(password)


class Instance:
    """One database instance."""

    def __init__(
        self,
        user: str,
        password: str,
        service: str,
        flavour: Flavour,
        journal: Journal | None,
        patience_s: float = PATIENCE_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.account = Account(user.upper(), password)
        self.service = service
        #: seconds to wait for the rest of a message, and for each step of a logon, before the connection is dropped
        self.patience_s = patience_s
        #: what connections are made secure with; None: they are not
        self.tls = tls
        self.flavour = flavour
        self.engine = Engine(user.upper(), flavour, journal)
        self.faults = Faults()
        self.engine.trigger = self.faults.trigger
        self.counters = Counters()
        #: ids of the sessions that are logged on
        self.sessions: set[int] = set()
        self._last_session = 0

    def new_session_id(self) -> int:
        """Return a number for a new session."""
        self._last_session += 1
        return self._last_session
