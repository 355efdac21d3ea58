"""The database: one thread that writes, a few that read. Knows nothing of conversations.

Group commit: whatever is queued, up to 64 units of work, shares one transaction and one flush to disk; nobody waits on
a timer. A unit that raises is taken out and the others are done again without it, so its neighbours never notice.
"""

import asyncio
import contextlib
import hashlib
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from filelock import FileLock, Timeout
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, OperationalError

from api.settings import Settings

T = TypeVar("T")
Work = Callable[[sa.Connection], T]

MOST_IN_A_COMMIT = 64
#: units waiting to be written; beyond it the caller is told to come back later
MOST_WAITING = 2000

log = structlog.get_logger()


class StoreBusy(Exception):
    """The queue to the database is full: answer 503 and let the provider come again."""


class StoreLocked(Exception):
    """Another process serves this SQLite file. Stop it, or move to PostgreSQL for several processes."""


@dataclass(slots=True)
class _Unit:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[Any]"


class Store:
    def __init__(self, settings: Settings) -> None:
        self._file = settings.database_file
        self.engine = _engine(settings.database_url, writer=True)
        self._readers = _engine(settings.database_url, writer=False)
        autocommit = {"isolation_level": "AUTOCOMMIT", "poolclass": sa.NullPool}
        self._alone = None if self._file else sa.create_engine(settings.database_url, **autocommit)
        self._units: queue.Queue[_Unit | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="read")
        self._lock = FileLock(f"{self._file}.lock", thread_local=False) if self._file else None

    def start(self) -> None:
        """Raises StoreLocked when another process has this SQLite file."""
        if self._lock:
            try:
                self._lock.acquire(timeout=0)
            except Timeout as error:
                raise StoreLocked(StoreLocked.__doc__ or "") from error
        self._thread = threading.Thread(target=self._run, name="write", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Writes what is queued, then closes. Safe to call twice."""
        if self._thread:
            self._units.put(None)
            self._thread.join()
            self._thread = None
        self._pool.shutdown()
        self.engine.dispose()
        self._readers.dispose()
        if self._lock:
            self._lock.release()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction and return its result once that is on disk. Raises what `work` raises.

        `work` may run twice (when a neighbour in the same commit raised), so it must touch nothing but the database.
        Raises StoreBusy when too much is waiting.
        """
        loop = asyncio.get_running_loop()
        unit = _Unit(work, loop, loop.create_future())
        try:
            self._units.put_nowait(unit)
        except queue.Full as error:
            raise StoreBusy from error
        result: T = await unit.done
        return result

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a connection that only reads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.read_now, work)

    def read_now(self, work: Work[T]) -> T:
        with self._readers.connect() as connection:
            return work(connection)

    @contextlib.asynccontextmanager
    async def only_one(self, what: str) -> AsyncIterator[None]:
        """One at a time among all processes on this database. Who dies while holding it sets it free at once."""
        if self._alone is None:  # an SQLite file has one process
            yield
            return
        key = int.from_bytes(hashlib.sha256(what.encode()).digest()[:8], "big", signed=True)
        take = sa.select(sa.func.pg_try_advisory_lock(key))
        connection = await asyncio.to_thread(self._alone.connect)
        try:
            while not await asyncio.to_thread(lambda: connection.execute(take).scalar()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # another process has it
            yield
        finally:
            await asyncio.to_thread(connection.close)  # of no pool: the session ends, and its lock with it

    # --- the writing thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        ended = False
        while not ended:
            unit = self._units.get()
            units: list[_Unit] = []
            while unit is not None:
                units.append(unit)
                if len(units) == MOST_IN_A_COMMIT:
                    break
                try:
                    unit = self._units.get_nowait()
                except queue.Empty:
                    break
            ended = unit is None
            if units:
                self._commit(units)

    def _commit(self, units: list[_Unit]) -> None:
        """All in one transaction; when that fails, each in its own. An exception never ends the thread."""
        try:
            results = self._together(units)
        except Exception as error:
            if len(units) == 1:
                _settle(units, [None], error)
                return
            log.warning("commit_split", units=len(units), error=type(error).__name__)
            for unit in units:
                self._commit([unit])
            return
        _settle(units, results, None)

    def _together(self, units: list[_Unit]) -> list[Any]:
        for attempt in range(4):
            try:
                with self.engine.begin() as connection:
                    return [unit.work(connection) for unit in units]
            except DBAPIError as error:
                passing = isinstance(error, OperationalError) or error.connection_invalidated
                if attempt == 3 or not passing:
                    raise
                time.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")


def _settle(units: list[_Unit], results: list[Any], error: Exception | None) -> None:
    """Hand the results back, one wake-up of the event loop for all."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Unit, Any]]] = {}
    for unit, result in zip(units, results, strict=True):
        by_loop.setdefault(unit.loop, []).append((unit, result))
    for loop, settled in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, settled, error)


def _resolve(settled: list[tuple[_Unit, Any]], error: Exception | None) -> None:
    for unit, result in settled:
        if unit.done.done():
            continue
        if error is None:
            unit.done.set_result(result)
        else:
            unit.done.set_exception(error)


def _engine(url: str, *, writer: bool) -> sa.Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_size=2 if writer else 4, pool_pre_ping=True)
    pool_size = 1 if writer else 4
    engine = sa.create_engine(url, pool_size=pool_size, max_overflow=0, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # transactions are begun below, not by the driver
        cursor = raw.cursor()
        cursor.execute("PRAGMA busy_timeout=5000")
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL survives a power cut; group commit makes it cheap (docs/decisions/0003).
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if not writer:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine
