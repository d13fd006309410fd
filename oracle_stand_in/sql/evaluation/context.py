"""What a statement may know of whoever runs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from oracle_stand_in.data.nls import DEFAULT_NLS, Nls


@dataclass(frozen=True)
class Context:
    """Who asks, when, and by which settings of the session; `now` is UTC without a zone."""

    user: str
    service: str
    session_id: int
    program: str
    machine: str
    now: datetime
    nls: Nls = DEFAULT_NLS
    #: what clients have set: namespace and name -> value; their module and the like under USERENV
    values: Mapping[tuple[str, str], str] = field(default_factory=dict)
    database_role: str = "PRIMARY"

    def attribute(self, name: str) -> str:
        """Return what the client says of itself: module, action, identifier."""
        return self.values.get(("USERENV", name), "")


def _set_by_client(name: str) -> Callable[[Context], str]:
    return lambda context: context.attribute(name)


def _nothing(_context: Context) -> str:
    return ""


#: parameters of SYS_CONTEXT('USERENV', ...)
USERENV: dict[str, Callable[[Context], str]] = {
    **dict.fromkeys(("SESSION_USER", "CURRENT_USER", "AUTHENTICATED_IDENTITY"), lambda context: context.user),
    "CURRENT_SCHEMA": lambda context: context.nls.current_schema or context.user,
    **dict.fromkeys(("DB_NAME", "DB_UNIQUE_NAME", "CON_NAME"), lambda context: context.service.upper()),
    **dict.fromkeys(("SID", "SESSIONID"), lambda context: str(context.session_id)),
    **{name: _set_by_client(name) for name in ("MODULE", "ACTION", "CLIENT_IDENTIFIER", "CLIENT_INFO")},
    **dict.fromkeys(
        ("CLOUD_SERVICE", "PROXY_USER", "DB_DOMAIN", "TERMINAL", "IP_ADDRESS", "OS_USER", "POLICY_INVOKER"), _nothing
    ),
    "SERVICE_NAME": lambda context: context.service,
    "INSTANCE_NAME": lambda _context: "STANDIN",
    "INSTANCE": lambda _context: "1",
    "SERVER_HOST": lambda _context: "localhost",
    "CLIENT_PROGRAM_NAME": lambda context: context.program,
    "HOST": lambda context: context.machine,
    "LANGUAGE": lambda _context: "AMERICAN_AMERICA.AL32UTF8",
    "LANG": lambda _context: "US",
    "NLS_DATE_FORMAT": lambda context: context.nls.date_format,
    "NLS_TERRITORY": lambda _context: "AMERICA",
    "NLS_SORT": lambda _context: "BINARY",
    "CURRENT_EDITION_NAME": lambda _context: "ORA$BASE",
    "DATABASE_ROLE": lambda context: context.database_role,
    "CON_ID": lambda _context: "3",
    "ISDBA": lambda _context: "FALSE",
}
