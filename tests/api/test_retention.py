"""What is done with goes after its days; nothing open, and nothing of a resident who is being helped, ever does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import media, retention
from api.media import Kept
from api.tables import HeldWebhook, Miss, SignIn
from tests.desk_room import Room, opened
from tests.service import CASE, DAY, INBOX, LAN, LOG, OUTBOX

BA, TU = 2001, 2002
HELD, MISS, SIGN_IN = (table.__table__ for table in (HeldWebhook, Miss, SignIn))


@pytest.fixture
def room(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """Several slices, without rests."""
    monkeypatch.setattr(retention, "SLICE", 3)
    monkeypatch.setattr(retention, "PAUSE_S", 0)
    with opened(tmp_path, database_url) as one:
        one.house.now = lambda: one.now
        yield one


async def _sweep_after(room: Room, days: float) -> dict[str, int]:
    room.now += timedelta(days=days)
    return await retention.sweep(room.house)


def _count(room: Room, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return int(room.rows(sa.select(sa.func.count().label("n")).select_from(table).where(*where))[0]["n"])


async def test_what_was_said_goes_after_its_days(room: Room) -> None:
    for text in ("chào con", "làm vneid", "menu", "dừng"):
        room.says(BA, text)
    events, messages, logged = (_count(room, table) for table in (INBOX, OUTBOX, LOG))
    assert min(events, messages, logged) >= 4
    assert (await _sweep_after(room, 364))["events"] == 0
    gone = await _sweep_after(room, 2)
    assert (gone["events"], gone["messages"]) == (events - 1, messages - 1)
    assert _count(room, LOG) == logged


async def test_numbers_are_not_given_again(room: Room) -> None:
    room.says(BA, "chào con")
    newest = [max(row["id"] for row in room.rows(sa.select(table.c.id))) for table in (INBOX, OUTBOX)]
    await _sweep_after(room, 400)
    assert [row["id"] for table in (INBOX, OUTBOX) for row in room.rows(sa.select(table.c.id))] == newest
    room.says(BA, "chào con")
    assert min(row["id"] for row in room.rows(sa.select(INBOX.c.id).where(INBOX.c.received_at >= room.now))) > newest[0]


async def test_who_is_being_helped_keeps_every_word(room: Room) -> None:
    room.hands_off(BA)
    room.says(TU, "chào con")
    room.says(TU, "chào con")
    theirs = INBOX.c.conversation == f"telegram:{BA}"
    events = _count(room, INBOX, theirs)
    assert (await _sweep_after(room, 400))["events"] >= 1
    assert _count(room, INBOX, theirs) == events
    assert _count(room, INBOX, INBOX.c.conversation == f"telegram:{TU}") <= 1


async def test_what_waits_is_never_old(room: Room) -> None:
    room.says(BA, "chào con")
    for table, change in ((INBOX, {"done_at": None}), (OUTBOX, {"status": 0})):
        with room.house.store.engine.begin() as connection:
            connection.execute(table.update().values(change))
    before = _count(room, INBOX), _count(room, OUTBOX)
    assert sum((await _sweep_after(room, 4000)).values()) == 0
    assert (_count(room, INBOX), _count(room, OUTBOX)) == before


async def test_a_closed_case_loses_its_words_and_stays(room: Room) -> None:
    case_id = room.hands_off(BA, problem="máy báo lỗi 77")
    ended = {"closed_at": room.now, "outcome": "solved"}
    with room.house.store.engine.begin() as connection:
        connection.execute(CASE.update().values(ended))
    assert (await _sweep_after(room, 366))["cases"] == 1
    case = room.case(case_id)
    assert (case["problem"], case["answers"], case["tried"], case["hamlet"]) == ("", {}, {}, "")
    assert (case["outcome"], case["commune"], case["topic"]) == ("solved", "25750", case["topic"])
    assert (await _sweep_after(room, 1))["cases"] == 0


async def test_pictures_go_with_their_rows(room: Room, tmp_path: Path) -> None:
    room.hands_off(TU)
    files = {}
    for who in (BA, TU):
        files[who] = tmp_path / f"hinh-cua-bac-{who}.jpg"
        files[who].write_bytes(b"x")
        kept = Kept(id=f"p{who}", kind="photo", content_type="image/jpeg", path=files[who], size_bytes=1, name="")
        with room.house.store.engine.begin() as connection:
            media.insert(connection, kept, f"telegram:{who}", room.now)
    assert (await _sweep_after(room, 366))["files"] == 1
    assert (files[BA].exists(), files[TU].exists()) == (False, True)


async def test_misses_links_and_held_webhooks_go(room: Room) -> None:
    with room.house.store.engine.begin() as connection:
        connection.execute(HELD.insert(), {"channel": "zalo_oa", "received_at": room.now, "sealed": b"x"})
        link = {"token_hash": "x", "member_id": LAN, "expires_at": room.now, "used_at": None}
        connection.execute(SIGN_IN.insert(), link)
        connection.execute(MISS.insert(), [{"at": room.now, "why": "missed", "text": f"{n}"} for n in range(7)])
    found = await _sweep_after(room, 4)
    assert (found["held_webhooks"], found["links"], found["misses"]) == (1, 0, 0)
    assert (await _sweep_after(room, 30))["links"] == 1
    assert (await _sweep_after(room, 366))["misses"] == 7


async def test_nothing_said_goes_when_it_is_kept_for_good(room: Room) -> None:
    room.house.settings = room.house.settings.model_copy(update={"keep_days": 0})
    room.says(BA, "chào con")
    before = _count(room, INBOX)
    assert await _sweep_after(room, 9999) == {"held_webhooks": 0, "links": 0, "codes": 0}
    assert _count(room, INBOX) == before


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (DAY, 17.0),
        (datetime(2026, 11, 21, 19, 59, tzinfo=UTC), 1 / 60),
        (datetime(2026, 11, 21, 20, 0, tzinfo=UTC), 24),
    ],
)
def test_the_next_night_is_at_three_in_vietnam(now: datetime, hours: float) -> None:
    assert retention.until_next_s(now) == pytest.approx(hours * 3600)
