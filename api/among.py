"""Questions said so that each database takes them well: one of a given list, one of what a query finds, no such row.

PostgreSQL plans by what it knows of a table, and of inbox and outbox it mostly knows that next to nothing is open. So a
question about open rows leaves it no choice: none of these forms can become a join, which goes through everything open
for each row.
"""

from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine


class _Listed(TypeDecorator[Any]):
    """A list of values of one type: an array on PostgreSQL, JSON on SQLite."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        listed = postgresql.ARRAY(self.of) if dialect.name == "postgresql" else sa.Text()
        return dialect.type_descriptor(listed)

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else orjson.dumps(list(value)).decode()


class Among(sa.ColumnElement[bool]):
    """One of a list, the whole list being one value: the statement reads the same however long the list is.

    So it is made ready once, by us and by PostgreSQL; with a value for each member of the list it would be new every
    time.
    """

    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        """`name` is that of the value to be given: strings or whole numbers; the empty list has nobody among it."""
        self.column = column
        self.given: sa.BindParameter[Any] = sa.bindparam(name, type_=_Listed(column.type))

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002 # as SQLAlchemy calls it
        """As it is: SQLAlchemy would write "(...) = 1" for SQLite, which then reads the whole table."""
        return self


@compiles(Among, "postgresql")
def _any(element: Among, compiler: SQLCompiler, **more: Any) -> str:
    return f"{compiler.process(element.column, **more)} = ANY ({compiler.process(element.given, **more)})"


@compiles(Among, "sqlite")
def _each(element: Among, compiler: SQLCompiler, **more: Any) -> str:
    column, given = compiler.process(element.column, **more), compiler.process(element.given, **more)
    return f"{column} IN (SELECT value FROM json_each({given}))"  # noqa: S608 # both are SQLAlchemy's own words


class Found(sa.ColumnElement[bool]):
    """One of those that a query of one column finds, which is asked once.

    With IN, PostgreSQL may ask it again for each row that it compares: a query with a LIMIT and SKIP LOCKED then finds
    others each time, and more than its LIMIT in all.
    """

    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any], query: sa.Select[Any]) -> None:
        self.column, self.query = column, query.correlate(None).scalar_subquery()

    self_group = Among.self_group


@compiles(Found, "postgresql")
def _any_found(element: Found, compiler: SQLCompiler, **more: Any) -> str:
    return f"{compiler.process(element.column, **more)} = ANY (ARRAY{compiler.process(element.query, **more)})"


@compiles(Found, "sqlite")
def _each_found(element: Found, compiler: SQLCompiler, **more: Any) -> str:
    return f"{compiler.process(element.column, **more)} IN {compiler.process(element.query, **more)}"


_ONE = sa.literal_column("1", sa.Integer)


def none(of: sa.FromClause, *where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """No such row: NOT EXISTS, asked for each row anew."""
    return sa.select(_ONE).select_from(of).where(*where).limit(_ONE).scalar_subquery().is_(None)
