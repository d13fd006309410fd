"""Where Oracle is: the connect string taken apart by the driver's own parser, and what of it is ours to decide.

A descriptor's RETRY_COUNT and TRANSPORT_CONNECT_TIMEOUT go before what the driver is told in a call. Retries are the
writer's: it has batches to back up meanwhile. So both are replaced after parsing.
"""

import re
import socket
from contextlib import suppress
from typing import Any

import oracledb

from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from shared.errors import SettingsError

#: A name to be looked up in tnsnames.ora: nothing of an address is in it.
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_.$#-]*")

#: Minutes without traffic after which the kernel tests the line: firewalls forget idle connections.
_EXPIRE_TIME_MIN = 2

_LAST_PORT = 65535
#: Aliases that a message names.
_MOST_NAMES = 8


_FORMS = (
    "give host:port/service, tcps://host:port/service, a descriptor (DESCRIPTION=...) with an address, a port up to "
    "65535 and all its parentheses (for a SID (CONNECT_DATA=(SID=...))), or an alias of tnsnames.ora"
)


def connect_params(settings: WriterSettings) -> oracledb.ConnectParams:
    """Return what the driver needs to know of where Oracle is; reads tnsnames.ora anew for an alias.

    Raises: SettingsError: no file can make sense of this ORACLE_DSN. SinkError: the alias is not in tnsnames.ora, or
        that can't be read: it may be put there.
    """
    params: oracledb.ConnectParams = oracledb.ConnectParams()
    if settings.oracle_config_dir is not None:
        params.set(config_dir=str(settings.oracle_config_dir))
    try:
        params.parse_connect_string(settings.dsn)
    except oracledb.Error as error:
        raise _not_understood(settings, params, error) from error
    if not addresses(params) or any(not 1 <= port <= _LAST_PORT for _, port in addresses(params)):
        raise _not_understood(settings, params, None)
    params.set(
        retry_count=0, retry_delay=0, tcp_connect_timeout=settings.oracle_connect_timeout, expire_time=_EXPIRE_TIME_MIN
    )
    if settings.oracle_wallet_location is not None:
        params.set(wallet_location=str(settings.oracle_wallet_location))
    return params


def addresses(params: oracledb.ConnectParams) -> list[tuple[str, int]]:
    """Return the hosts and ports that the driver would try, in no order."""
    hosts = listed(params.host)
    ports = params.port if isinstance(params.port, list) else [params.port] * len(hosts)
    return [(host, port) for host, port in zip(hosts, ports, strict=False) if host]


def listed(value: Any) -> list[Any]:
    """Return a parameter for each address or description: the driver gives no list where there is but one."""
    return value if isinstance(value, list) else [value]


def resolved(params: oracledb.ConnectParams, only: str | None = None) -> set[tuple[str, int]]:
    """Return the addresses as numbers, as far as names can be resolved now. only: those of this host."""
    found: set[tuple[str, int]] = set()
    for host, port in addresses(params):
        if only not in (None, host):
            continue
        with suppress(OSError):
            found |= {info[4][:2] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}  # type: ignore[misc]
    return found


def _not_understood(
    settings: WriterSettings, params: oracledb.ConnectParams, error: oracledb.Error | None
) -> SettingsError | SinkError:
    """Return the error to raise; the text never repeats a connect string that is no alias: it may hold a password."""
    code = getattr(error.args[0], "full_code", "") if error is not None and error.args else "DPY-2049"
    if not _ALIAS.fullmatch(settings.dsn):
        return SettingsError([f"ORACLE_DSN is not understood ({code}): {_FORMS}; no user or password in it"])
    if not params.config_dir:
        wanted = "ORACLE_CONFIG_DIR (or TNS_ADMIN) names the directory of its tnsnames.ora; or give host:port/service"
        return SettingsError([f"ORACLE_DSN={settings.dsn} is an alias: {wanted}"])
    return SinkError(code, f"{code}: {_why_no_alias(settings.dsn, params, code)}", Verdict.CONFIGURATION)


def _why_no_alias(alias: str, params: oracledb.ConnectParams, code: str) -> str:
    file = f"{params.config_dir}/tnsnames.ora"
    if code == "DPY-4026":
        return f"{file} is missing or can't be read"
    try:
        names = params.get_network_service_names()
    except UnicodeDecodeError:
        return f"{file} is not in UTF-8, and the driver reads nothing else"
    except oracledb.Error:
        names = []
    if any(name.startswith("\ufeff") for name in names):
        return f"{file} begins with a byte order mark, which counts as a part of its first name: save it without one"
    if code != "DPY-4000":
        return f"what {file} says of {alias} is no connect descriptor"
    held = ", ".join(sorted(names)[:_MOST_NAMES]) or "none"
    return (
        f"{file} holds no alias {alias}, or no descriptor for it, only {held}: names are looked up as they stand there "
        "(sqlnet.ora adds no domain), and one behind a parenthesis that is not closed is not seen"
    )
