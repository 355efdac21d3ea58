"""The database: one thread that writes, a few that read. Knows nothing of conversations.

Group commit: whatever is queued, up to 64 units of work, shares one transaction and one flush to disk; nobody waits on
a timer. When one raises, all are done again, each in a transaction of its own, and neighbours never notice. While the
database is away (a restart, a cut line, a full disk) every caller is told so at once, and nobody loses their place.
"""

import asyncio
import contextlib
import hashlib
import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
import structlog
from filelock import FileLock, Timeout
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, OperationalError

from api.prepared import at_once, keep_no_values, plain
from api.settings import Settings

T = TypeVar("T")
Work = Callable[[sa.Connection], T]

MOST_IN_A_COMMIT = 64
#: units waiting to be written; beyond it the caller is told to come back later
MOST_WAITING = 2000
#: a transaction that failed for a passing reason is begun again so often, after 50, 100, 200 ms
TRIES = 4
#: of PostgreSQL: a dead line is noticed on both sides within half a minute, so that a lost process's lock does not stay
_LINE = {
    "connect_timeout": "5", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
}  # fmt: skip
#: SQLite's primary result codes that no statement is to blame for: busy, read-only, I/O error, full, cannot open
_SQLITE_AWAY = frozenset({5, 8, 10, 13, 14})
#: PostgreSQL's classes of the same: connection, no resources (a full disk too), shutting down or starting
_POSTGRES_AWAY = ("08", "53", "57P", "58", "25006")
_SIGN = sa.select(sa.func.pg_advisory_lock(sa.func.hashtextextended(sa.bindparam("owner"), 0)))

log = structlog.get_logger()


class StoreBusy(Exception):
    """Too much waits for the database, or it takes too long: answer 503 and let the provider come again."""


class StoreAway(StoreBusy):
    """The database, or a file, cannot be reached or written just now: answer 503 and come again. What was asked may be
    undone."""


class StoreLocked(Exception):
    """Another process serves this SQLite file."""

    def __init__(self) -> None:
        super().__init__("một bản khác đang chạy trên tệp SQLite này: dừng bản đó, hoặc chuyển sang PostgreSQL")


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
        url = settings.database_url
        self._alone = None if self._file else sa.create_engine(url, **autocommit, connect_args=_line(url))
        self._units: queue.Queue[_Unit | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        #: the writing thread's own, kept from one transaction to the next
        self._held: sa.Connection | None = None
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="read")
        self._lock = FileLock(f"{self._file}.lock", thread_local=False) if self._file else None

    def start(self) -> None:
        """Raises StoreLocked when another process has this SQLite file."""
        if self._lock:
            try:
                self._lock.acquire(timeout=0)
            except Timeout as error:
                raise StoreLocked from error
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

        `work` may run several times: when a neighbour in the same commit raised, or the database was busy. What it
        touches beside the database must stand that.
        Raises StoreBusy when too much is waiting, StoreAway when the database is not there.
        """
        return await self.queue(work)

    def queue(self, work: Work[T]) -> "asyncio.Future[T]":
        """As `write`, for who can say what follows before it is on disk: that then shares the commit.

        What is queued runs in the order in which it was queued, each on top of what those before it wrote.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        try:
            self._units.put_nowait(_Unit(work, loop, done))
        except queue.Full as error:
            raise StoreBusy from error
        return done

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
        self._let_go()

    def _commit(self, units: list[_Unit]) -> bool:
        """All in one transaction; when that fails, each in its own. An exception never ends the thread.

        False when the database is away.
        """
        try:
            results = self._together(units)
        except StoreAway as away:
            log.warning("database_away", units=len(units), error=str(away))
            _settle(units, [None] * len(units), away)
            return False
        except Exception as error:
            if len(units) == 1:
                _settle(units, [None], error)
                return True
            log.warning("commit_split", units=len(units), error=type(error).__name__)
            for place, unit in enumerate(units):
                if self._commit([unit]):
                    continue
                rest = units[place + 1 :]  # no need to find out as often as there are units that it is away
                _settle(rest, [None] * len(rest), StoreAway())
                return False
        else:
            _settle(units, results, None)
        return True

    def _together(self, units: list[_Unit]) -> list[Any]:
        """Raises StoreAway when the database is to blame, else what a unit raised."""
        for attempt in range(TRIES):
            try:
                self._held = self._held or self.engine.connect()
                with self._held.begin():
                    return [unit.work(self._held) for unit in units]
            except DBAPIError as error:
                away = _is_away(error)
                if away:
                    self._let_go()
                if attempt + 1 == TRIES and away:
                    raise StoreAway(type(error.orig).__name__) from error
                if attempt + 1 == TRIES or not (away or isinstance(error, OperationalError)):
                    raise
                time.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")

    def _let_go(self) -> None:
        """End the held connection for good, and with it the name that it bears (see `owner`)."""
        if self._held:
            with contextlib.suppress(Exception):
                self._held.invalidate()
                self._held.close()
            self._held = None


def owner(connection: sa.Connection) -> str:
    """The name under which this connection's process marks what it begins to send.

    On PostgreSQL the name is a lock that lives as long as the connection: a process that ended, or lost its line to the
    database, has lost its name with it, and over a new line it gets a new one. So nobody can mark without being alive.
    """
    known: str = connection.info.get("owner", "")
    if not known:
        known = secrets.token_hex(8)
        if connection.dialect.name == "postgresql":
            connection.execute(_SIGN, {"owner": known})
        connection.info["owner"] = known
    return known


def is_dead(connection: sa.Connection, other: str) -> bool:
    """Whether the process that marked under this name is gone. On SQLite there is one process: every other is.

    On PostgreSQL its name is ours until the transaction ends, so no third process acts on it at the same time.
    """
    if connection.dialect.name != "postgresql":
        return True
    key = sa.func.hashtextextended(other, 0)
    return bool(connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(key))).scalar())


def in_turn(connection: sa.Connection, what: str) -> None:
    """From here to the end of the transaction no other process does `what`: it waits. On SQLite nobody else writes."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(what, 0))))


@contextlib.contextmanager
def savepoint(connection: sa.Connection, *, asks: bool = True) -> Iterator[None]:
    """What is done inside is undone when it raises, and nothing else of the transaction. Not one inside another.

    `asks`: there are questions among it; else it may go to the database at once (`prepared.at_once`).
    """
    try:
        with contextlib.nullcontext() if asks else at_once(connection):
            plain(connection, "SAVEPOINT here")  # begin_nested() puts its statements together anew each time
            yield
            plain(connection, "RELEASE SAVEPOINT here")
    except OperationalError:
        raise  # the database's own trouble: all of the transaction is lost
    except Exception:
        plain(connection, "ROLLBACK TO SAVEPOINT here")
        plain(connection, "RELEASE SAVEPOINT here")
        raise


def _is_away(error: DBAPIError) -> bool:
    """Whether it is the database that cannot work, and no statement of ours that it refuses."""
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY
    state = getattr(error.orig, "sqlstate", "") or ""
    # without a state: the driver could not connect at all
    return state.startswith(_POSTGRES_AWAY) or (not state and isinstance(error, OperationalError))


def _settle(units: list[_Unit], results: list[Any], error: Exception | None) -> None:
    """Hand the results back, one wake-up of the event loop for all."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Unit, Any]]] = {}
    for unit, result in zip(units, results, strict=True):
        by_loop.setdefault(unit.loop, []).append((unit, result))
    for loop, settled in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(_resolve, settled, error)


def _resolve(settled: list[tuple[_Unit, Any]], error: Exception | None) -> None:
    for unit, result in settled:
        if unit.done.done():
            continue
        if error is None:
            unit.done.set_result(result)
        else:
            unit.done.set_exception(error)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _line(url: str) -> dict[str, str]:
    """How a connection to PostgreSQL is watched; what the address itself says comes first."""
    said = sa.make_url(url).query
    return {key: value for key, value in _LINE.items() if key not in said}


def _keep_no_values(context: sa.engine.ExceptionContext) -> None:
    """SQLAlchemy has copied the driver's words by then: they are changed in both."""
    words = str(context.original_exception)
    keep_no_values(context.original_exception)
    if raised := context.sqlalchemy_exception:
        kept = str(context.original_exception)
        raised.args = tuple(said.replace(words, kept) if isinstance(said, str) else said for said in raised.args)


def _engine(url: str, *, writer: bool) -> sa.Engine:
    pool_size = 2 if writer else 4  # the writing thread's, and one for the beginning and for commands
    packed: dict[str, Any] = {
        "json_serializer": _json,
        "json_deserializer": orjson.loads,
        "pool_size": pool_size,
        "hide_parameters": True,
    }  # an error is logged: residents' words and keys are not
    if not url.startswith("sqlite"):
        engine = sa.create_engine(url, **packed, pool_pre_ping=True, connect_args=_line(url))
        event.listen(engine, "handle_error", _keep_no_values)
        return engine
    engine = sa.create_engine(url, **packed, max_overflow=0, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # transactions are begun below, not by the driver
        cursor = raw.cursor()
        cursor.execute("PRAGMA busy_timeout=5000")
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL survives a power cut; group commit makes it cheap (docs/decisions/0003).
        cursor.execute("PRAGMA synchronous=FULL")
        # The log is copied back every 4 MB, SQLite's own choice: at 32 MB each time held up everybody for 0.15 s.
        if writer:
            cursor.execute("PRAGMA cache_size=-4000")  # 4 MB: the indexes' hot pages, also of a large file
        cursor.execute("PRAGMA foreign_keys=ON")
        # A long read, such as a copy being made, lets the log grow: the next checkpoint cuts it back to this.
        cursor.execute(f"PRAGMA journal_size_limit={64 * 1024 * 1024}")
        if not writer:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        plain(connection, "BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine
