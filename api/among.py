"""`column` is one of a list, the whole list being one value: the statement reads the same however long the list is.

So it is made ready once, by us and by PostgreSQL; with a value for each member of the list it would be new every time.
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
    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        """`name` is that of the value to be given: strings or whole numbers; the empty list has nobody among it."""
        self.column = column
        self.given: sa.BindParameter[Any] = sa.bindparam(name, type_=_Listed(column.type))

    def self_group(self, against: Any = None) -> "Among":  # noqa: ARG002 # as SQLAlchemy calls it
        """As it is: SQLAlchemy would write "(...) = 1" for SQLite, which then reads the whole table."""
        return self


@compiles(Among, "postgresql")
def _any(element: Among, compiler: SQLCompiler, **more: Any) -> str:
    return f"{compiler.process(element.column, **more)} = ANY ({compiler.process(element.given, **more)})"


@compiles(Among, "sqlite")
def _each(element: Among, compiler: SQLCompiler, **more: Any) -> str:
    column, given = compiler.process(element.column, **more), compiler.process(element.given, **more)
    return f"{column} IN (SELECT value FROM json_each({given}))"  # noqa: S608 # both are SQLAlchemy's own words
