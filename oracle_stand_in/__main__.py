"""python -m oracle_stand_in: run the Oracle stand-in."""

import asyncio
import gc
import logging
import signal
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from oracle_stand_in.engine.init_script import run_script
from oracle_stand_in.engine.storage.journal import Journal
from oracle_stand_in.errors import OracleError
from oracle_stand_in.flavour import FLAVOURS
from oracle_stand_in.server.commands import Commands
from oracle_stand_in.server.control_server import ControlServer
from oracle_stand_in.server.instance import PATIENCE_S, Instance
from oracle_stand_in.server.server import Server
from oracle_stand_in.server.tls import TlsFiles

log = logging.getLogger("oracle-stand-in")
#: objects made and not freed before garbage is looked for; sessions that ended are what there is to find
GARBAGE_THRESHOLD = 100_000


class FieldVersion(StrEnum):
    """The server to behave like."""

    ORACLE_19C = "19c"
    ORACLE_23AI = "23ai"


@dataclass(frozen=True)
class Options:
    """The command line."""

    host: str
    port: int
    control_port: int
    user: str
    password: str
    service: str
    init_sql: list[Path]
    data: Path | None
    field_version: FieldVersion
    while_stdin_open: bool
    patience_s: float
    tls: TlsFiles | None
    minute_s: float


async def serve(options: Options) -> None:
    """Run until a signal comes. Raises: OSError: a port is taken; OracleError: an init script failed."""
    journal = Journal(options.data) if options.data else None
    flavour = FLAVOURS[options.field_version.value]
    tls = options.tls.context() if options.tls else None
    instance = Instance(
        options.user, options.password, options.service, flavour, journal, options.patience_s, tls, options.minute_s
    )
    if journal is not None:
        log.info("%d records read from %s", journal.open(instance.kept), options.data)
    for script in options.init_sql:
        for note in await run_script(instance.engine, instance.account.name, script.read_text(encoding="utf-8")):
            log.info("%s: %s", script.name, note)
    server = Server(instance, options.host, options.port)
    server.listen()
    loop = asyncio.get_running_loop()
    control = ControlServer(Commands(server), loop, "127.0.0.1", options.control_port)
    control.start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.while_stdin_open:
        loop.add_reader(sys.stdin.fileno(), stop.set)
    # rows are made of bytes, which never form cycles: looking for garbage often would only pause the sessions
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    print(
        f"oracle stand-in ready dsn={'tcps://' if options.tls else ''}{options.host}:{server.port}/{options.service} "
        f"control=http://127.0.0.1:{control.port}",
        flush=True,
    )
    await stop.wait()
    server.close()
    control.close()
    if journal is not None:
        journal.close()


def main(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port for the driver; 0 takes a free one.")] = 0,
    control_port: Annotated[int, typer.Option(help="Port of the control API; 0 takes a free one.")] = 0,
    user: Annotated[
        str, typer.Option(envvar="ORACLE_USER", help="Whose tables there are; SYSTEM may make others.")
    ] = "tagpipe",
    password: Annotated[str, typer.Option(envvar="ORACLE_PASSWORD", help="The password of both.")] = "tagpipe",  # noqa: S107 - a stand-in keeps no secrets
    service: Annotated[str, typer.Option(help="Service name; any other is refused with ORA-12514.")] = "FREEPDB1",
    init_sql: Annotated[
        list[Path] | None,
        typer.Option(help="SQL script to run at start (repeatable); DBA statements such as GRANT are skipped."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="File that keeps what is committed over a restart; none: memory only.")
    ] = None,
    field_version: Annotated[
        FieldVersion, typer.Option(help="The Oracle to behave like on the wire.")
    ] = FieldVersion.ORACLE_19C,
    patience_s: Annotated[
        float, typer.Option(min=0.1, help="Seconds to wait for the rest of a message that was begun.")
    ] = PATIENCE_S,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Speak TLS (tcps://) with this certificate, a PEM file; wants --tls-key.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key, a PEM file without a password.")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="Let in only clients with a certificate of this authority (mTLS).")
    ] = None,
    minute_s: Annotated[
        float, typer.Option(min=0.01, help="Seconds that a minute of a profile's IDLE_TIME takes.")
    ] = 60.0,
    while_stdin_open: Annotated[
        bool, typer.Option("--while-stdin-open", help="End when stdin is closed, as it is when the parent dies.")
    ] = False,
) -> None:
    """Run a stand-in for Oracle that the python-oracledb Thin driver connects to.

    When it is ready it prints one line, with the connect string and the address of the control API:

        oracle stand-in ready dsn=127.0.0.1:PORT/FREEPDB1 control=http://127.0.0.1:CPORT

    Connect with oracledb.connect(user="tagpipe", password="tagpipe", dsn=...). `curl http://127.0.0.1:CPORT/` lists
    the faults that can be switched on, for example:

        curl -X POST http://127.0.0.1:CPORT/lose_reply_after_commit -d '{"count": 1}'

    It knows as much SQL as this project needs and refuses the rest with ORA-00900. It is a test double, not a
    database: see oracle_stand_in/README.md.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="oracle stand-in: %(message)s")
    if (tls_cert is None) != (tls_key is None) or (tls_client_ca is not None and tls_cert is None):
        raise typer.BadParameter("--tls-cert and --tls-key go together, and --tls-client-ca with them")
    tls = TlsFiles(tls_cert, tls_key, tls_client_ca) if tls_cert and tls_key else None
    options = Options(
        host=host, port=port, control_port=control_port, user=user, password=password, service=service,
        init_sql=list(init_sql or []), data=data, field_version=field_version, while_stdin_open=while_stdin_open,
        patience_s=patience_s, tls=tls, minute_s=minute_s,
    )  # fmt: skip
    try:
        asyncio.run(serve(options))
    except (OSError, OracleError) as error:
        log.error("cannot start: %s", error)  # noqa: TRY400 - the message is for the person at the command line
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
