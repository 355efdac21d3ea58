"""The writing thread: nothing ends it, nobody pays for a neighbour, and a database that is away is said to be so."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from api.prepared import Prepared
from api.settings import load
from api.store import Store, StoreAway
from tests.service import INBOX, SECRET, Service

_numbers = count(1)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    one = Store(load(database_url=database_url))
    one.start()
    await one.write(lambda c: c.exec_driver_sql("CREATE TABLE word (text TEXT UNIQUE)") and None)
    yield one
    await asyncio.to_thread(one.stop)


def put(text: str) -> Any:
    return lambda c: c.execute(sa.text("INSERT INTO word VALUES (:text)"), {"text": text}) and None


async def words(store: Store) -> list[str]:
    return await store.read(lambda c: sorted(c.execute(sa.text("SELECT text FROM word")).scalars()))


class Serialization(Exception):
    """PostgreSQL's 40001, as its driver raises it."""

    sqlstate = "40001"


async def test_what_raises_is_taken_out_and_its_neighbours_are_done(store: Store) -> None:
    def stumbles(connection: sa.Connection) -> None:
        put("nửa chừng")(connection)
        raise ZeroDivisionError

    done = await asyncio.gather(
        store.write(put("một")), store.write(stumbles), store.write(put("hai")), store.write(put("hai")),
        return_exceptions=True,
    )  # fmt: skip
    assert [type(one) for one in done[:3]] == [type(None), ZeroDivisionError, type(None)]
    assert isinstance(done[3], sa.exc.IntegrityError)
    assert await words(store) == ["hai", "một"]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_deadlock_is_tried_again(store: Store, times: int) -> None:
    left = [sa.exc.OperationalError("UPDATE", {}, Serialization())] * times

    def collides(connection: sa.Connection) -> None:
        put("một")(connection)
        if left:
            raise left.pop()

    await store.write(collides)
    assert await words(store) == ["một"]


async def test_an_error_tells_no_values(store: Store) -> None:
    """It is logged, and what was to be written are residents' words and keys. PostgreSQL quotes whole rows too."""
    await store.write(lambda c: c.exec_driver_sql("CREATE TABLE needed (text TEXT, why TEXT NOT NULL)") and None)
    secret = {"text": "mã OTP của tui là 482913", "why": None}
    for statement, values in (
        ("INSERT INTO word (text) VALUES (:text)", [secret, secret]),
        ("INSERT INTO needed (text, why) VALUES (:text, :why)", secret),
        ("SELECT nothing FROM word WHERE text = :text", secret),
    ):
        with pytest.raises(sa.exc.DBAPIError) as refused:
            await store.write(lambda c, text=statement, values=values: c.execute(sa.text(text), values) and None)  # type: ignore[misc]
        assert "482913" not in "".join(traceback.format_exception(refused.value))


async def test_a_statement_made_ready_tells_no_values_either(store: Store) -> None:
    word = sa.table("word", sa.column("text", sa.Text))
    insert, secret = Prepared(word.insert()), {"text": "mã OTP của tui là 482913"}
    await store.write(lambda c: insert.run(c, secret))
    with pytest.raises(sa.exc.IntegrityError) as refused:
        await store.write(lambda c: insert.run(c, secret))
    assert "482913" not in "".join(traceback.format_exception(refused.value))


async def test_nothing_ends_the_thread(store: Store) -> None:
    for error in (MemoryError(), RecursionError(), sa.exc.OperationalError("UPDATE", {}, Serialization())):

        def raises(_: sa.Connection, error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error)):
            await store.write(raises)
    await store.write(put("một"))
    assert await words(store) == ["một"]


async def test_a_server_that_is_away_is_said_to_be_so_and_used_again(postgres_url: str) -> None:
    store = Store(load(database_url=postgres_url))
    store.start()
    url = sa.make_url(postgres_url)
    admin = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    await store.write(lambda c: c.exec_driver_sql("CREATE TABLE word (text TEXT UNIQUE)") and None)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
        ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        connection.exec_driver_sql(ends, (url.database,))
    refused = await asyncio.gather(*(store.write(put(str(number))) for number in range(3)), return_exceptions=True)
    assert [type(one) for one in refused] == [StoreAway] * 3
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")
    await store.write(put("lại được"))
    assert await words(store) == ["lại được"]
    await asyncio.to_thread(store.stop)


async def test_a_line_that_breaks_between_two_writes_is_not_noticed(postgres_url: str) -> None:
    store = Store(load(database_url=postgres_url))
    store.start()
    await store.write(lambda c: c.exec_driver_sql("CREATE TABLE word (text TEXT UNIQUE)") and None)
    admin = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await store.write(put("một"))
    assert await words(store) == ["một"]
    await asyncio.to_thread(store.stop)


async def test_a_full_disk_is_a_503_while_it_lasts(service: Service) -> None:
    """SQLite is told that its file may not grow, on every connection."""
    full: list[int] = []

    @sa.event.listens_for(service.house.store.engine, "checkout")
    def _limit(raw: Any, *_: object) -> None:
        raw.execute(f"PRAGMA max_page_count = {full[0] if full else 1_000_000_000}")

    async def post(text: str) -> int:
        number = next(_numbers)
        person = {"id": 2001, "is_bot": False, "first_name": "Tu"}
        message = {"message_id": number, "date": 1_795_000_000, "text": text, "from": person,
                   "chat": {"id": 2001, "type": "private", "first_name": "Tu"}}  # fmt: skip
        secret = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
        body = {"update_id": number, "message": message}
        return (await service.web.post("/webhooks/telegram", headers=secret, json=body)).status_code

    store = service.house.store
    full.append(1)  # smaller than it is: SQLite takes its present size
    await store.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1") and None)
    statuses = [await post("dài " * 900) for _ in range(30)]
    assert statuses[-1] == 503
    taken = statuses.count(200)
    assert statuses == [200] * taken + [503] * (30 - taken)
    full.clear()
    assert await post("/start") == 200
    await service.quiet()
    assert service.shown(2001)
    assert len(await service.rows(sa.select(INBOX.c.id).where(INBOX.c.chat == "2001"))) == taken + 1
