"""A password that a server refuses is tried once for all groups, and ever more seldom."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager

from sandbox.harness.redis import free_port
from services.poller.sources.opcua.model import OpcuaModel
from services.poller.sources.opcua.wire.logons import REFUSED, one_for_all
from tests.fakes import FakeClock

GROUPS = 6


class Guard(UserManager):
    """Lets in who knows the word, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0

    def get_user(self, iserver: Any, username: Any = None, password: Any = None, certificate: Any = None) -> Any:
        del iserver, certificate
        self.asked += username is not None
        return User(UserRole.User, username or "") if password in ("right", b"right") else None


@asynccontextmanager
async def guarded(guard: Guard) -> AsyncIterator[str]:
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    server = Server(user_manager=guard)
    await server.init()
    server.set_endpoint(url)
    async with server:
        yield url


def test_a_refused_password_is_tried_once_for_all_groups(tmp_path: Path) -> None:
    """Kind: each tries for itself what counts for all. Six groups made six tries at once, and six each half minute for
    ever: after five a server locks the account, or the client with all that it reads, and each more lengthens it.
    """

    async def scene() -> None:
        guard = Guard()
        async with guarded(guard) as url:
            sources = [source_of(url, "wrong", tmp_path) for _ in range(GROUPS)]
            await asyncio.gather(*(source.open() for source in sources))
            assert guard.asked == 1
            assert {source.connection.trouble for source in sources} == {"BadUserAccessDenied"}
            other = source_of(url, "right", tmp_path)
            await other.open()
            assert other.connection.session is not None, "another password is another logon"
            await asyncio.gather(*(source.close() for source in [*sources, other]))

    asyncio.run(scene())


def source_of(url: str, password: str, directory: Path) -> Any:
    keys = {"type": "opcua", "url": url, "tags": ["i=2258"], "user": "plant", "password": password}
    return OpcuaModel.model_validate(keys).build("line", 1.0, directory)


def test_it_is_tried_ever_more_seldom_until_it_is_taken() -> None:
    async def scene() -> None:
        clock, tries = FakeClock(), list[float]()

        async def log_on(*, is_refused: bool = True) -> None:
            async with one_for_all("who", clock):
                tries.append(clock.seconds)
                if is_refused:
                    raise REFUSED[0]

        for _ in range(4000):
            try:
                await log_on()
            except REFUSED:
                clock.advance(1)
        gaps = [after - before for before, after in itertools.pairwise(tries)]
        assert gaps[:6] == [30, 60, 120, 240, 480, 600]
        clock.advance(600)
        await log_on(is_refused=False)
        await log_on(is_refused=False)

    asyncio.run(scene())
