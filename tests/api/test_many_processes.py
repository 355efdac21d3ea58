"""Two processes on one PostgreSQL, killed and cut off under load: nothing lost, out of order or doubled."""

import asyncio
import random
import time
from collections import Counter
from pathlib import Path

import httpx
import sqlalchemy as sa

from tests.processes import Crowd, crowd
from tests.service import OUTBOX

RESIDENTS = (2001, 2002, 2003, 2004)


async def begins(one: Crowd) -> None:
    for chat in RESIDENTS:
        await one.hands_off(chat)


async def check(one: Crowd, written: dict[int, int]) -> None:
    """Every line was read once, each resident's in their order."""
    await one.quiet()
    read = one.read()
    expected = Counter(f"{chat}.{number}" for chat, most in written.items() for number in range(most))
    assert Counter(read) == expected
    for chat, most in written.items():
        assert [line for line in read if line.startswith(f"{chat}.")] == [f"{chat}.{n}" for n in range(most)]


async def write_all(one: Crowd, seconds: float) -> dict[int, int]:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    counts = await asyncio.gather(*(one.writes(chat, over) for chat in RESIDENTS))
    return dict(zip(RESIDENTS, counts, strict=True))


async def test_a_killed_process_loses_and_doubles_nothing(tmp_path: Path, postgres_url: str) -> None:
    chance = random.Random(7)
    async with crowd(postgres_url, tmp_path) as one:
        await begins(one)

        async def kills() -> None:
            for _ in range(3):
                await asyncio.sleep(0.8 + chance.random())
                port = chance.choice(one.ports)
                one.kill(port)
                await asyncio.sleep(chance.random())
                await one.start(port)

        written, _ = await asyncio.gather(write_all(one, 9), kills())
        assert sum(written.values()) > 100
        await check(one, written)


async def test_what_a_dead_process_had_on_the_wire_is_taken_over_by_a_living_one(
    tmp_path: Path, postgres_url: str
) -> None:
    async with crowd(postgres_url, tmp_path) as one:
        await begins(one)
        one.telegram.fail("sendMessage", 500, wait_s=8)
        await one.telegram.says(2001, "lời 2001.0")
        await one.telegram.says(2001, "lời 2001.1")
        await asyncio.sleep(1)
        [sending] = await one.rows(sa.select(OUTBOX.c.owner).where(OUTBOX.c.status == 1))
        for port in one.ports:
            one.kill(port)
            await asyncio.sleep(1.5)
            if not await one.rows(
                sa.select(OUTBOX.c.id).where(OUTBOX.c.status == 1, OUTBOX.c.owner == sending["owner"])
            ):
                break
            await one.start(port)  # the other had it
        assert len(one.running) == 1
        await check(one, {2001: 2})


async def test_a_database_that_goes_away_and_comes_back(tmp_path: Path, postgres_url: str) -> None:
    """As at a restart, or with a cut line: what was answered 200 is kept, the rest is asked to come again."""
    url = sa.make_url(postgres_url)
    admin = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def closed(allow: bool) -> None:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS {allow}")
            if not allow:
                ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                connection.exec_driver_sql(ends, (url.database,))

    async with crowd(postgres_url, tmp_path) as one:
        await begins(one)

        async def outage() -> tuple[float, float]:
            await asyncio.sleep(1.5)
            await asyncio.to_thread(closed, False)
            begun = time.monotonic()
            await asyncio.sleep(3)
            await asyncio.to_thread(closed, True)
            return begun, time.monotonic()

        written, (begun, ended) = await asyncio.gather(write_all(one, 7), outage())
        refused = [status for at, status in one.telegram.refusals if begun + 1 < at < ended]
        assert refused
        assert set(refused) == {503}
        assert sum(written.values()) > 50
        await check(one, written)


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
