"""What is logged of an error: where and of which kind it was, never the values that a database tells with it."""

import contextlib
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from api import logs
from api.settings import load
from api.store import Store

#: as somebody may write who knows how the errors of a database look
WORDS = "bệnh của tôi\nHINT:  nhà số 7\n[SQL: mật khẩu\n\nDuring handling hen suyễn"
PARTS = ("bệnh", "nhà số 7", "mật khẩu", "hen suyễn", "Failing row", "already exists")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    before, out = structlog.get_config(), io.StringIO()
    with contextlib.redirect_stdout(out):
        logs.start()
    yield out
    structlog.configure(**before)


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Store]:
    one = Store(load(database_url=postgres_url))
    one.start()
    made = "CREATE TABLE said (id INT NOT NULL, text TEXT UNIQUE CHECK (text <> '' AND id > 0))"
    await one.write(lambda c: c.exec_driver_sql(made) and None)
    yield one
    one.stop()


def put(number: int | None, text: str) -> Any:
    row = {"id": number, "text": text}
    return lambda c: c.execute(sa.text("INSERT INTO said VALUES (:id, :text)"), row) and None


REFUSED = [
    (None, "NotNullViolation", 'null value in column "id" of relation "said" violates not-null constraint'),
    (-1, "CheckViolation", 'new row for relation "said" violates check constraint "said_check"'),
    (2, "UniqueViolation", 'duplicate key value violates unique constraint "said_text_key"'),
]


@pytest.mark.parametrize(("number", "kind", "first"), REFUSED)
async def test_what_the_database_refuses_is_logged_without_the_words(
    store: Store, lines: io.StringIO, number: int | None, kind: str, first: str
) -> None:
    await store.write(put(1, WORDS))
    log = structlog.get_logger()
    try:
        try:
            await store.write(put(number, WORDS))
        except sa.exc.IntegrityError as error:
            raise RuntimeError("a turn failed") from error
    except RuntimeError:
        log.exception("turn_failed", event_id=7)
    line = json.loads(lines.getvalue())
    text = line["exception"]
    assert (line["event"], line["event_id"]) == ("turn_failed", 7)
    assert [part for part in PARTS if part in text] == []
    assert text.count(first) == 2  # the driver's own, and SQLAlchemy's about it
    assert f"sqlalchemy.exc.IntegrityError: (psycopg.errors.{kind}) " in text
    assert "[SQL: INSERT INTO said VALUES" in text
    assert text.endswith("RuntimeError: a turn failed")


@pytest.mark.parametrize("group", [False, True])
async def test_what_libraries_log_is_told_without_the_words_too(store: Store, group: bool) -> None:
    with pytest.raises(sa.exc.IntegrityError) as raised:
        await store.write(put(-1, WORDS))
    error = ExceptionGroup("several", [raised.value]) if group else raised.value
    record = logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "never retrieved: %r", (error,),
                               (type(error), error, error.__traceback__))  # fmt: skip
    text = logging.Formatter("%(message)s").format(record)
    assert [part for part in PARTS if part in text] == []
    assert "CheckViolation" in text
    assert text.startswith("never retrieved: ")


def test_letters_that_the_outside_cannot_write_end_nothing() -> None:
    raw = io.BytesIO()
    out = logs._Lines(io.TextIOWrapper(raw, encoding="utf-8"))
    out.write("half \ud83d, whole ơ")
    out.flush()
    assert raw.getvalue() == b"half \\ud83d, whole \\u01a1"
