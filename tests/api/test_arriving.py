"""What the doors heard, on its way to the disk: together, in order, and no neighbour pays for another."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from api import files, schema
from api.arriving import MOST_IN_A_LOAD, Arriving
from api.inbox import Arrival
from api.news import News
from api.settings import Settings
from api.store import Store, StoreAway, StoreBusy
from tests.service import INBOX

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def heard(number: int, chat: str = "5", body: Any = None) -> Arrival:
    return Arrival(channel="telegram", chat=chat, provider_id=str(number), conversation=f"telegram:{chat}",
                   body=body or {"kind": "Inbound"})  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(Settings(database_url=f"sqlite:///{tmp_path}/gocua.db"))
    one.start()
    schema.migrate(one.engine)
    yield one
    one.stop()


def stored(store: Store) -> list[str]:
    return list(store.read_now(lambda c: c.execute(sa.select(INBOX.c.provider_id).order_by(INBOX.c.id)).scalars()))


async def test_all_that_waits_is_one_unit_in_the_order_of_coming(store: Store) -> None:
    arriving = Arriving(store, News(), lambda: NOW)
    with patch.object(store, "queue", wraps=store.queue) as queue:
        waiting = [arriving.put([heard(number)]) for number in range(20)]
        assert await asyncio.gather(*waiting) == [False] * 20
    assert queue.call_count < 20
    assert stored(store) == [str(number) for number in range(20)]


async def test_one_that_cannot_be_written_takes_nobodys_place(store: Store) -> None:
    arriving, bad = Arriving(store, News(), lambda: NOW), heard(2, body={"kind": {1, 2}})  # a set is no JSON
    parts = [[heard(1)], [bad], [heard(3)]]
    came = await asyncio.gather(*(arriving.put(one) for one in (*parts, [heard(4)])), return_exceptions=True)
    assert [isinstance(one, Exception) for one in came] == [False, True, False, False]
    assert stored(store) == ["1", "3", "4"]


async def test_a_file_row_that_fails_is_told_to_its_own_sender(store: Store) -> None:
    arriving, want = Arriving(store, News(), lambda: NOW), files.want

    def wants(connection: sa.Connection, arrivals: list[Arrival], now: datetime) -> bool:
        if any(one.provider_id == "2" for one in arrivals):
            raise RuntimeError("no such file")
        return want(connection, arrivals, now)

    with patch("api.arriving.files.want", wants):
        came = await asyncio.gather(*(arriving.put([heard(one)]) for one in (1, 2, 3)), return_exceptions=True)
    assert [type(one) for one in came] == [bool, RuntimeError, bool]
    assert stored(store) == ["1", "3"]


async def test_who_goes_away_takes_nothing_from_the_others(store: Store) -> None:
    arriving = Arriving(store, News(), lambda: NOW)
    gone = asyncio.ensure_future(arriving.put([heard(1)]))
    stays = asyncio.ensure_future(arriving.put([heard(2)]))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays is False
    assert stored(store) == ["1", "2"]


async def test_after_the_database_was_away_the_next_are_written(store: Store) -> None:
    arriving = Arriving(store, News(), lambda: NOW)
    with patch.object(store, "_together", side_effect=StoreAway), pytest.raises(StoreAway):
        await arriving.put([heard(1)])
    assert await arriving.put([heard(2)]) is False
    assert stored(store) == ["2"]


async def test_nobody_waits_long_for_a_database_that_hangs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.arriving.STORED_S", 0.1)
    arriving, on = Arriving(store, News(), lambda: NOW), threading.Event()
    hangs = store.queue(lambda c: on.wait(10))
    with pytest.raises(StoreBusy):
        await arriving.put([heard(1)])
    with pytest.raises(StoreBusy):
        arriving.put([heard(2)])
    on.set()
    await hangs
    assert await arriving.put([heard(3)]) is False
    assert stored(store) == ["1", "3"]  # the provider finds the first one stored when it comes again


async def test_more_than_can_wait_is_told_to_come_later(store: Store) -> None:
    arriving = Arriving(store, News(), lambda: NOW)
    with arriving._lock:  # the writing thread cannot close the load
        arriving._load.parts.append([heard(0)])
        arriving._load.arrivals = MOST_IN_A_LOAD
    with pytest.raises(StoreBusy):
        arriving.put([heard(1)])
