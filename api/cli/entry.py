"""What every verb of `gocua` begins and ends with: the settings, the database, a refusal in plain words."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import click
import sqlalchemy as sa

from api import schema
from api.prepared import keep_no_values
from api.settings import Settings, SettingsError, load

PATH = click.Path(path_type=Path)


def fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(1)


def settings(**given: object) -> Settings:
    try:
        return load(**given)
    except SettingsError as error:
        fail(f"Chưa chạy được, thiếu hoặc sai thiết lập:\n{error}")


def why(error: Exception) -> str:
    """What an operator can use: of a database's error its own words, without the statement and the row."""
    if own := getattr(error, "orig", None):
        keep_no_values(own)
    return f"không mở hay ghi được cơ sở dữ liệu, xem GOCUA_DATABASE_URL ({own})" if own else str(error)


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[sa.Connection]:
    """The database in use, in one transaction."""
    file = settings.database_file
    if file and not file.exists():
        fail(f"Chưa có {file}: chạy `gocua migrate` hoặc `gocua serve` trước, hoặc xem GOCUA_DATABASE_URL.")
    engine = sa.create_engine(settings.database_url, hide_parameters=True)
    try:
        with engine.begin() as connection:
            if not schema.revision(connection):
                fail("Cơ sở dữ liệu còn trống: chạy `gocua migrate` hoặc `gocua serve --demo` trước.")
            yield connection
    except sa.exc.SQLAlchemyError as error:
        fail(f"Chưa làm được: {why(error)}")
    finally:
        engine.dispose()


def engine(settings: Settings) -> sa.Engine:
    """The database, with a folder for it."""
    if settings.database_file:
        settings.database_file.absolute().parent.mkdir(parents=True, exist_ok=True)
    return sa.create_engine(settings.database_url, hide_parameters=True)
