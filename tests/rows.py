"""Rows for every table, with what is hardest to carry from one database to another. They mean nothing."""

from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from api import moving, schema
from api.settings import Settings
from api.tables import Moment, metadata

ROWS = 2
#: more than are moved at once
MANY = {"log": 2050}
#: of the two rows' files only the first is there
PICTURES = ("hinh-so-1-cua-bac-ba.jpg", "hinh-so-2-cua-bac-tu.jpg")
#: whatever a resident can type
TEXT = "Dạ “ấp 3”\t\\N \\. 'x' \"y\"\r\n🙏🏽 ế"
JSON = {"text": TEXT, "half a picture": "\ud83d", "nul": "\0", "z": 1, "a": [1.5, None, True, 2**53]}


def fill_every_table(settings: Settings) -> None:
    """Into a database that is empty; its tables are made first."""
    engine = sa.create_engine(settings.database_url)
    schema.migrate(engine)
    with engine.begin() as connection:
        if settings.database_file:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # as the service has it
        for table in metadata.sorted_tables:
            numbers = range(1, MANY.get(table.name, ROWS) + 1)
            connection.execute(table.insert(), [_row(settings, table, number) for number in numbers])
        moving.set_sequences(connection)  # past the numbers that were given here
    engine.dispose()


def _row(settings: Settings, table: sa.Table, number: int) -> dict[str, Any]:
    row = {column.name: _value(column, number) for column in table.columns}
    if table.name == "media":
        row["path"] = str(settings.media / PICTURES[number - 1])
    if table.name == "case":
        row["closed_at"] = datetime(2026, 11, 20, tzinfo=UTC) if number > 1 else None
    return row


def _value(column: sa.Column[Any], number: int) -> Any:
    if column.nullable and number == 2:
        return None
    match column.type:
        case Moment():
            return datetime(2026, 11, 21, 3, 0, 0, number, tzinfo=UTC)
        case sa.Boolean():
            return number == 1
        case sa.JSON():
            return JSON
        case sa.LargeBinary():
            return bytes(islice(range(256), number * 100))
        case sa.Float():
            return 10.123456789012345 / number
        case sa.Date():
            return date(2026, 2, 28)
        case sa.Text():
            return TEXT
        case sa.String():
            return f"{column.name} {number} ấ"
    return number


assert len(PICTURES) == ROWS
