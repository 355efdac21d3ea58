"""Processes killed under load, two on PostgreSQL and one on SQLite: nothing lost, out of order or doubled."""

import asyncio
import contextlib
import random
import signal
import time
from pathlib import Path

import httpx
import sqlalchemy as sa

from api import schema
from tests.processes import Crowd, Tally, crowd
from tests.service import OUTBOX


async def check(one: Crowd) -> None:
    """Every line was read once, each resident's in their order."""
    await one.quiet()
    assert one.tally() == Tally(lines=one.written.total())


async def test_a_killed_process_loses_and_doubles_nothing(tmp_path: Path, database_url: str) -> None:
    chance = random.Random(7)
    async with crowd(database_url, tmp_path) as one:
        await one.begin()
        async with one.writing():
            for _ in range(3):
                await asyncio.sleep(0.8 + chance.random())
                port = chance.choice(one.ports)
                one.kill(port)
                await asyncio.sleep(chance.random())
                await one.start(port)
            async with asyncio.timeout(60):
                while one.written.total() < 100:  # noqa: ASYNC110 # on a busy machine it takes longer
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1)
        await check(one)


async def test_what_a_dead_process_had_on_the_wire_is_taken_over_by_a_living_one(
    tmp_path: Path, postgres_url: str
) -> None:
    async with crowd(postgres_url, tmp_path) as one:
        await one.begin()
        may = asyncio.Event()
        one.telegram.fail("sendMessage", 500, may=may)
        await one.telegram.says(2001, "lời 2001.0")
        await one.telegram.says(2001, "lời 2001.1")
        owner = await one.sending()
        for port in one.ports:
            one.kill(port)
            with contextlib.suppress(AssertionError):
                await one.until(sa.select(OUTBOX.c.id).where(OUTBOX.c.status == 1, OUTBOX.c.owner == owner), within_s=4)
                break
            await one.start(port)  # the other had it
        assert len(one.running) == 1
        may.set()
        one.written[2001] = 2
        await check(one)


async def test_who_starts_after_a_crash_says_what_it_found(tmp_path: Path, database_url: str) -> None:
    async with crowd(database_url, tmp_path, processes=1) as one:
        await one.begin()
        [port] = one.ports
        may = asyncio.Event()
        one.telegram.fail("sendMessage", 500, may=may)
        await one.telegram.says(2001, "lời 2001.0")
        one.written[2001] = 1
        await one.sending()
        one.kill(port)
        may.set()
        await one.start(port)
        await check(one)
        assert [line["messages_sending"] for line in one.logged(port, "started")] == [0, 1]
        assert [line["messages"] for line in one.logged(port, "unknown_fate_found")] == [1]


async def test_who_is_stopped_ends_what_it_began(tmp_path: Path, database_url: str) -> None:
    async with crowd(database_url, tmp_path) as one:
        await one.begin()
        port = one.ports[0]
        async with one.writing():
            await asyncio.sleep(1)
            may = asyncio.Event()
            one.telegram.fail("sendMessage", 500, done=True, may=may)
            await asyncio.sleep(0.2)
            asyncio.get_running_loop().call_later(1, may.set)
            assert await one.stop(port) == -signal.SIGTERM  # as uvicorn passes it on once all is done
            await one.start(port)
            await asyncio.sleep(0.5)
        await check(one)
        assert not one.logged(port, "unknown_fate_found")


async def test_tables_may_grow_under_running_processes(tmp_path: Path, postgres_url: str) -> None:
    """What a migration may do within one release: new columns, indexes, tables. Nobody notices.

    One table at a time: with locks on two of them a migration and a turn could wait for each other.
    """
    grows = sa.create_engine(postgres_url, poolclass=sa.NullPool)

    def grow(number: int) -> None:
        for table in ("inbox", "conversation", "outbox", "timer", "log", "member"):
            with grows.begin() as connection:
                connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
                connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN later_{number} TEXT NOT NULL DEFAULT ''")
                connection.exec_driver_sql(f"CREATE INDEX later_{table}_{number} ON {table} (later_{number})")

    async with crowd(postgres_url, tmp_path) as one:
        await one.begin()
        async with one.writing():
            for number in range(3):
                await asyncio.sleep(0.7)
                await asyncio.to_thread(grow, number)
                assert await asyncio.to_thread(schema.migrate, grows) == (schema.head(), schema.head())
            await asyncio.sleep(0.7)
        await check(one)


async def test_a_page_in_one_process_hears_of_what_happened_in_the_other(tmp_path: Path, postgres_url: str) -> None:
    async with crowd(postgres_url, tmp_path) as one:
        here, there = (f"http://127.0.0.1:{port}" for port in one.ports)
        async with httpx.AsyncClient(timeout=10) as browser:
            assert (await browser.get(f"{here}/")).status_code == 200
            async with browser.stream("GET", f"{there}/chat/stream") as page:
                assert page.status_code == 200
                lines = page.aiter_lines()
                begun = time.monotonic()
                said = {"id": "00000000-0000-4000-8000-000000000001", "text": "chào"}
                assert (await browser.post(f"{here}/chat/say", json=said)).status_code == 202
                async for line in lines:
                    if line.startswith("data: {"):
                        break
                assert time.monotonic() - begun < 5  # a beat would be fifteen
