"""The running stand-in as its sessions see it: account, engine, faults, counters."""

import ssl
from dataclasses import asdict, dataclass

from oracle_stand_in.engine.database import Database
from oracle_stand_in.engine.engine import Engine
from oracle_stand_in.engine.storage.catalog import Catalog
from oracle_stand_in.engine.storage.journal import Journal
from oracle_stand_in.faults.state import Faults
from oracle_stand_in.flavour import Flavour

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
        minute_s: float = 60.0,
    ) -> None:
        self.database = Database(user.upper(), password, flavour)
        self.account = self.database.users[user.upper()]
        self.service = service
        #: seconds that a minute of a profile's limits takes
        self.minute_s = minute_s
        #: seconds to wait for the rest of a message, and for each step of a logon, before the connection is dropped
        self.patience_s = patience_s
        #: what connections are made secure with; None: they are not
        self.tls = tls
        self.flavour = flavour
        self.faults = Faults()
        self.engine = Engine(self.database, journal)
        self.engine.row_fault = self.faults.row_fault
        self.counters = Counters()
        self._last_session = 0

    @property
    def kept(self) -> Catalog:
        """The schema of the account, whose tables are in the data file."""
        return self.database.schemas.of(self.account.name)

    def new_session_id(self) -> int:
        """Return a number for a new session."""
        self._last_session += 1
        return self._last_session
