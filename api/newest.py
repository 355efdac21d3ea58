"""What is asked of the newest rows alone: it takes as long on a full database as on one of yesterday."""

import sqlalchemy as sa


def after(connection: sa.Connection, row_id: sa.Column[int], most: int) -> int:
    """The id after which the newest `most` rows of its table lie; 0 or less when there are no others."""
    last = connection.execute(sa.select(sa.func.max(row_id))).scalar() or 0
    return int(last) - most


def in_place(connection: sa.Connection, column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The column, so written that SQLite goes by the rows' ids and not through an index of all that a channel ever had.
    PostgreSQL does so by what it knows of the column; of an expression it knows nothing, and reads the whole table."""
    return column.concat("") if connection.dialect.name == "sqlite" else column
