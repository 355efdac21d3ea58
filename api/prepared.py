"""A statement made ready once: SQLAlchemy writes its SQL and its types, the driver's own cursor runs it.

For what is asked at every message. There SQLAlchemy's execute() takes five times as long as SQLite's answer; everything
else goes through it. Values, rows and errors are the same either way. A list for IN is an Among (among.py).
"""

import contextlib
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.schema import ScalarElementColumnDefault

#: a row by its columns' names, whoever read it
Row = Mapping[str, Any] | sa.RowMapping
Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]
_Processor = Callable[[Any], Any]


@dataclass(slots=True)
class _Made:
    """One statement in the words of one database, for values of these names."""

    sql: str
    #: what the driver takes for the values of one call, those fixed in the statement among them
    bind: Callable[[Mapping[str, Any]], Any]
    columns: tuple[sa.ColumnElement[Any], ...]
    names: tuple[str, ...]
    line: Any
    #: by place, how a value that the driver gives is read; known from the first answer on
    readers: tuple[tuple[int, _Processor], ...] | None = None

    def read(self, dialect: sa.Dialect, cursor: Any) -> list[Sequence[Any]]:
        """All rows of an answer."""
        if self.readers is None:
            kinds = [(column.type.dialect_impl(dialect), told[1])
                     for column, told in zip(self.columns, cursor.description, strict=True)]  # fmt: skip
            readers = [(place, one.result_processor(dialect, kind)) for place, (one, kind) in enumerate(kinds)]
            self.readers = tuple((place, reader) for place, reader in readers if reader)
        raw: list[Sequence[Any]] = cursor.fetchall()
        if not self.readers:
            return raw
        rows = [list(one) for one in raw]
        for row in rows:
            for place, reader in self.readers:
                row[place] = reader(row[place])
        return list(rows)


class Prepared:
    """`statement` has no expanding bind. An INSERT or UPDATE sets what it is given."""

    def __init__(self, statement: sa.Select[Any] | sa.CompoundSelect[Any] | sa.UpdateBase) -> None:
        self.statement = statement.inline() if isinstance(statement, sa.Insert) else statement
        self._made: dict[tuple[str, ...], _Made] = {}

    def run(self, connection: sa.Connection, values: Values) -> None:
        """Once, or for each of a list of values; none at all for an empty list. The first one's names are all's."""
        if isinstance(values, Mapping):
            self._cursor(connection, self._of(connection, values), values)
        elif values:
            made = self._of(connection, values[0])
            self._cursor(connection, made, [made.bind(one) for one in values], many=True)

    def rows(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[Any]:
        """Named tuples; a column without a name is _0, _1 ..."""
        made = self._of(connection, values)
        return [made.line._make(row) for row in self._read(connection, made, values)]

    def mappings(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[Row]:
        made = self._of(connection, values)
        return [dict(zip(made.names, row, strict=True)) for row in self._read(connection, made, values)]

    def first(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any | None:
        """The first of `rows`."""
        return next(iter(self.rows(connection, values)), None)

    def mapping(self, connection: sa.Connection, values: Mapping[str, Any]) -> Row | None:
        """The first of `mappings`."""
        return next(iter(self.mappings(connection, values)), None)

    def scalar(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any | None:
        """The first column of the first row."""
        made = self._of(connection, values)
        rows = self._read(connection, made, values)
        return rows[0][0] if rows else None

    # --- inside ------------------------------------------------------------------------------------------------------

    def _of(self, connection: sa.Connection, values: Mapping[str, Any]) -> _Made:
        key = (connection.dialect.name, *values)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = _make(self.statement, connection.dialect, list(values))
        return made

    def _read(self, connection: sa.Connection, made: _Made, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        return made.read(connection.dialect, self._cursor(connection, made, values))

    def _cursor(self, connection: sa.Connection, made: _Made, values: Any, *, many: bool = False) -> Any:
        if not connection.in_transaction():
            connection.begin()
        cursor = connection.connection.cursor()
        with _as_sqlalchemy_raises(connection, made.sql):
            if many:
                cursor.executemany(made.sql, values)
            else:
                cursor.execute(made.sql, made.bind(values))
        return cursor


def plain(connection: sa.Connection, sql: str) -> None:
    """A statement without values and answer, such as SAVEPOINT. Begins no transaction by itself."""
    with _as_sqlalchemy_raises(connection, sql):
        connection.connection.cursor().execute(sql)


@contextlib.contextmanager
def at_once(connection: sa.Connection) -> Iterator[None]:
    """What is `run` inside, and nothing else, goes to PostgreSQL in one packet and is waited for once, at the end.

    What it has against any of them is raised there at the latest. Nothing gained for questions: the driver takes longer
    over them so. On SQLite it makes no difference.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    line: Any = connection.connection.driver_connection
    with _as_sqlalchemy_raises(connection, "statements at once"), line.pipeline():
        yield


def _make(statement: Any, dialect: sa.Dialect, names: list[str]) -> _Made:
    compiled = statement.compile(dialect=dialect, column_keys=names)
    binds = compiled.binds
    order = tuple(compiled.positiontup if compiled.positional else binds)
    fixed = {name: value for name, value in compiled.params.items() if name not in names}
    if isinstance(statement, sa.Insert):
        fixed |= {column.key: column.default.arg for column in statement.table.c
                  if column.key in fixed and isinstance(column.default, ScalarElementColumnDefault)}  # fmt: skip
    writers = {
        name: write for name in order if (write := binds[name].type.dialect_impl(dialect).bind_processor(dialect))
    }
    fixed = {name: writers[name](value) if name in writers else value for name, value in fixed.items()}
    columns = tuple(statement.exported_columns)
    called = tuple(str(getattr(column, "name", "")) for column in columns)
    return _Made(
        sql=str(compiled), bind=_binder(order, fixed, writers, positional=compiled.positional),
        columns=columns, names=called, line=namedtuple("Row", called, rename=True),
    )  # fmt: skip


def _binder(
    order: tuple[str, ...], fixed: Mapping[str, Any], writers: Mapping[str, _Processor], *, positional: bool
) -> Callable[[Mapping[str, Any]], Any]:
    """From the values of one call to what the driver takes: by place, or by name."""
    written = [(name, write) for name, write in writers.items() if name not in fixed]
    places = [(place, name, write) for name, write in written for place, other in enumerate(order) if other == name]

    def by_place(values: Mapping[str, Any]) -> Any:
        row = list(pick({**fixed, **values} if fixed else values))
        for place, name, write in places:
            row[place] = write(values[name])
        return row

    def by_name(values: Mapping[str, Any]) -> Any:
        return {**fixed, **values, **{name: write(values[name]) for name, write in written}}

    if not positional:
        return by_name
    pick = _picker(order)
    return by_place


def _picker(order: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    if not order:
        return lambda _: ()
    if len(order) == 1:
        return lambda values: (values[order[0]],)
    return itemgetter(*order)


class _as_sqlalchemy_raises:  # noqa: N801 # read as a word of `with`; a generator would cost more than the statement
    """The driver's error becomes the one that execute() raises; a line to a database that is gone is given up alike."""

    __slots__ = ("connection", "sql")

    def __init__(self, connection: sa.Connection, sql: str) -> None:
        self.connection, self.sql = connection, sql

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            return
        connection, dialect = self.connection, self.connection.dialect
        if not isinstance(error, dialect.loaded_dbapi.Error):
            return
        lost = _ends_the_line(error) or dialect.is_disconnect(error, connection.connection.driver_connection, None)
        if lost:
            connection.invalidate(error)
        keep_no_values(error)
        raised: BaseException = sa.exc.DBAPIError.instance(
            self.sql, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=lost,
            dialect=dialect,
        )  # fmt: skip
        raise raised from error


def keep_no_values(error: BaseException) -> None:
    """Of what PostgreSQL says about an error only its first line: the others quote the row, and errors are logged."""
    if said := getattr(getattr(error, "diag", None), "message_primary", None):
        error.args = (said,)


def _ends_the_line(error: Exception) -> bool:
    """PostgreSQL's last word on a line: the driver may not have seen yet that nothing comes after it."""
    told = getattr(error, "diag", None)
    return told is not None and told.severity_nonlocalized in ("FATAL", "PANIC")
