"""Every row of a database, out of one and into another, and the proof that all of them arrived.

Knows tables only as the database itself describes them, so any version's can be moved. A row on its way is a tuple of
int, float, str, bytes and None, the same from SQLite and PostgreSQL: JSON and dates are their text, true is 1. The one
thing taken away is the character NUL in text, which PostgreSQL cannot hold.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import monotonic, sleep
from typing import Any

import orjson
import sqlalchemy as sa
from filelock import FileLock, Timeout

from api import schema
from api.settings import Settings

#: rows read and written at once
BATCH = 2000
#: how long a connection may still be seen whose process has closed it: PostgreSQL ends its own side a moment later
LEAVING_S = 2
_VERSION_TABLE = "alembic_version"

Row = tuple[Any, ...]


class MoveRefused(Exception):
    """What was asked would lose or mix data. Nothing was changed; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Of one table: how many rows, and a sum over their contents that does not depend on their order."""

    rows: int
    checksum: str


class Prover:
    """Adds rows up to a proof."""

    def __init__(self) -> None:
        self._rows, self._sum = 0, 0

    def add(self, rows: Iterable[Row]) -> None:
        self.add_lines(map(line, rows))

    def add_lines(self, lines: Iterable[bytes]) -> None:
        """Rows as `line` gives them."""
        for one in lines:
            digest = hashlib.blake2b(one, digest_size=16).digest()
            self._sum = (self._sum + int.from_bytes(digest, "big")) % 2**128
            self._rows += 1

    def proof(self) -> Proof:
        return Proof(rows=self._rows, checksum=f"{self._sum:032x}")


def line(row: Row) -> bytes:
    """A row as one line of JSON, without its end. Bytes are {"hex": ...}."""
    return orjson.dumps(row, default=_hex)


def unline(text: bytes) -> Row:
    """What `line` wrote."""
    return tuple(bytes.fromhex(value["hex"]) if isinstance(value, dict) else value for value in orjson.loads(text))


def _hex(value: object) -> dict[str, str]:
    if not isinstance(value, bytes | memoryview):
        raise TypeError(type(value).__name__)
    return {"hex": value.hex()}


# --- one database ------------------------------------------------------------------------------------------------


def snapshot(engine: sa.Engine) -> sa.Connection:
    """A connection that sees the database as it is now, whatever is written meanwhile. The caller closes it."""
    connection = engine.connect()
    if connection.dialect.name == "postgresql":
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        unhurried(connection)
        return connection
    # Python's driver begins a transaction by itself only before a write.
    connection.exec_driver_sql("BEGIN")
    return connection


def unhurried(connection: sa.Connection) -> None:
    """The server does not end this transaction because it waits for a disk or for another database in between."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def tables(connection: sa.Connection) -> list[sa.Table]:
    """All but Alembic's own, those that others refer to first."""
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _VERSION_TABLE]


def columns(table: sa.Table) -> list[str]:
    return [str(column.name) for column in table.columns]


def read(connection: sa.Connection, table: sa.Table) -> Iterator[list[Row]]:
    """All rows, in batches; columns in the order of `table`."""
    chosen = ", ".join(_read_as(connection, column) for column in table.columns)
    query = f"SELECT {chosen} FROM {_quoted(connection, table.name)}"  # noqa: S608 the database's own names
    streaming = {"stream_results": True, "max_row_buffer": BATCH}
    result = connection.exec_driver_sql(query, execution_options=streaming)
    for batch in result.partitions(BATCH):
        yield [tuple(map(_plain, row)) for row in batch]


def write(connection: sa.Connection, table: sa.Table, given: Sequence[str], rows: Iterable[Row]) -> None:
    """Put rows in. `given` names what stands in them, in their order."""
    names = ", ".join(_quoted(connection, name) for name in given)
    name = _quoted(connection, table.name)
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f"COPY {name} ({names}) FROM STDIN") as into:
            for row in rows:
                into.write_row(row)
        return
    marks = ", ".join("?" * len(given))
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        driver.executemany(f"INSERT INTO {name} ({names}) VALUES ({marks})", batch)  # noqa: S608


def set_sequences(connection: sa.Connection) -> None:
    """New rows get numbers above those that were put in. SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables(connection):
        [*keys] = table.primary_key.columns
        if len(keys) != 1 or not isinstance(keys[0].type, sa.Integer):
            continue
        name, key = _quoted(connection, table.name), keys[0].name
        sequence = connection.execute(sa.select(sa.func.pg_get_serial_sequence(name, key))).scalar()
        most = connection.execute(sa.select(sa.func.max(keys[0]))).scalar()
        if sequence and most:
            connection.execute(sa.select(sa.func.setval(sequence, most)))


def prove(connection: sa.Connection) -> dict[str, Proof]:
    """The proof of each table."""
    return {str(table.name): proof_of(connection, table) for table in tables(connection)}


def proof_of(connection: sa.Connection, table: sa.Table) -> Proof:
    prover = Prover()
    for batch in read(connection, table):
        prover.add(batch)
    return prover.proof()


def is_empty(connection: sa.Connection) -> bool:
    return not any(connection.execute(sa.select(table).limit(1)).first() for table in tables(connection))


def _read_as(connection: sa.Connection, column: sa.Column[Any]) -> str:
    name = _quoted(connection, column.name)
    if connection.dialect.name != "postgresql":
        return name
    match column.type:
        case sa.JSON() | sa.Date():
            return f"{name}::text"
        case sa.Boolean():
            return f"{name}::int"
    return name


def _plain(value: Any) -> Any:
    return value.replace("\0", "") if isinstance(value, str) and "\0" in value else value


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)


# --- nobody else at work -----------------------------------------------------------------------------------------


def claim(settings: Settings) -> FileLock | None:
    """The lock of an SQLite file; the caller releases it. Raises MoveRefused while a service runs on the database."""
    if settings.database_file is None:
        return None
    lock = FileLock(f"{settings.database_file}.lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise MoveRefused(f"Đang có một bản chạy trên {settings.database_file}: dừng bản đó rồi làm lại.") from error
    return lock


def refuse_company(connection: sa.Connection) -> None:
    """Raises MoveRefused when anybody else is connected to this PostgreSQL database, and stays for LEAVING_S."""
    if connection.dialect.name != "postgresql":
        return
    others = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    until = monotonic() + LEAVING_S
    while count := connection.execute(others).scalar():
        if monotonic() > until:
            raise MoveRefused(
                f"Đang có {count} kết nối khác tới cơ sở dữ liệu này: dừng mọi bản đang chạy rồi làm lại."
            )
        sleep(0.05)
        connection.execute(sa.text("SELECT pg_stat_clear_snapshot()"))  # a transaction sees one state of it otherwise


# --- from SQLite to PostgreSQL -----------------------------------------------------------------------------------


def move(settings: Settings, url: str) -> dict[str, Proof]:
    """Every row of the SQLite database to the empty PostgreSQL database at `url`, in one transaction.

    Returns the proofs, which were read back from there. Raises MoveRefused, having changed nothing.
    """
    if settings.database_file is None or not settings.database_file.exists():
        raise MoveRefused("Chỉ chuyển được từ một tệp SQLite đã có: xem GOCUA_DATABASE_URL.")
    if not url.startswith("postgresql"):
        raise MoveRefused("Nơi đến phải là postgresql+psycopg://người:mật-khẩu@máy/tên")
    lock = claim(settings)
    source = sa.create_engine(settings.database_url, hide_parameters=True)
    target = sa.create_engine(url, hide_parameters=True)
    try:
        schema.migrate(source)  # both then stand at the same revision
        with snapshot(source) as out, target.begin() as into:
            return _copy(out, into)
    finally:
        source.dispose()
        target.dispose()
        if lock:
            lock.release()


def _copy(out: sa.Connection, into: sa.Connection) -> dict[str, Proof]:
    unhurried(into)
    refuse_company(into)
    schema.bring(into)
    if not is_empty(into):
        raise MoveRefused("Cơ sở dữ liệu ở nơi đến đã có dữ liệu: chuyển vào một cơ sở dữ liệu trống.")
    proofs = {}
    for table in tables(out):
        prover = Prover()

        def all_rows(table: sa.Table = table, prover: Prover = prover) -> Iterator[Row]:
            for batch in read(out, table):
                prover.add(batch)
                yield from batch

        write(into, table, columns(table), all_rows())
        proofs[str(table.name)] = prover.proof()
    set_sequences(into)
    if prove(into) != proofs:
        raise MoveRefused("Số dòng hoặc nội dung ở nơi đến không khớp với nơi đi. Chưa ghi gì ở nơi đến.")
    return proofs
