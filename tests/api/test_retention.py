"""What is done with goes after its days; nothing open, and nothing of a resident who is being helped, ever does."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from api import casework, media, retention
from api.media import Kept
from api.tables import Addressed, HeldWebhook, Miss, SignIn, TeamNote, Visit, WantedFile
from bot import record
from bot.model import Conversation, Menu, Place, Position
from tests.desk_room import Room, opened
from tests.service import CASE, CONVERSATION, DAY, INBOX, LAN, LOG, OUTBOX

BA, TU = 2001, 2002
HELD, MISS, SIGN_IN = (table.__table__ for table in (HeldWebhook, Miss, SignIn))
NOTE, VISIT, ADDRESSED, WANTED = (table.__table__ for table in (TeamNote, Visit, Addressed, WantedFile))


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
    gone = await _sweep_after(room, 4000)
    assert (gone["events"], gone["messages"]) == (0, 0)
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


@pytest.mark.parametrize("what", ["tried", "hamlet", "note", "addressed", "place", "visited hamlet"])
async def test_what_comes_to_a_closed_case_later_goes_too(room: Room, what: str) -> None:
    """As a note that is written once the case has lost its words; of several cases the one that has any."""
    numbers = []
    for who in (BA, TU, 2003, 2004):
        numbers.append(room.hands_off(who))
        room.act(lambda c: c.execute(CASE.update().values(closed_at=room.now, outcome="solved")))
    one = numbers[1]
    assert (await _sweep_after(room, 366))["cases"] == 4
    visit = {"case_id": one, "day": "2027-11-24", "place": "", "hamlet": "", "asked_at": room.now}
    write: dict[str, Callable[[sa.Connection], object]] = {
        "tried": lambda c: c.execute(CASE.update().where(CASE.c.id == one).values(tried={"máy": "cũ"})),
        "hamlet": lambda c: c.execute(CASE.update().where(CASE.c.id == one).values(hamlet="khu phố 3")),
        "note": lambda c: casework.write_note(c, one, LAN, "nhà cạnh chợ", room.now),
        "addressed": lambda c: c.execute(
            ADDRESSED.insert(), {"chat": "9001", "message_id": "7", "case_id": one, "inbox_id": 1}
        ),
        "place": lambda c: c.execute(VISIT.insert(), visit | {"place": "số 7"}),
        "visited hamlet": lambda c: c.execute(VISIT.insert(), visit | {"hamlet": "khu phố 3"}),
    }
    with room.house.store.engine.begin() as connection:
        write[what](connection)
    assert (await _sweep_after(room, 1))["cases"] == 1
    case = room.case(one)
    assert (case["tried"], case["hamlet"]) == ({}, "")
    assert (_count(room, NOTE), _count(room, ADDRESSED)) == (0, 0)
    assert _count(room, VISIT, (VISIT.c.place != "") | (VISIT.c.hamlet != "")) == 0
    assert (await _sweep_after(room, 1))["cases"] == 0


def _state(room: Room, who: int) -> Conversation:
    [row] = room.rows(sa.select(CONVERSATION.c.state).where(CONVERSATION.c.key == f"telegram:{who}"))
    return record.read(Conversation, row["state"])


async def test_a_conversation_loses_the_residents_words_and_keeps_their_place(room: Room) -> None:
    """Of one in the middle of a flow; the other three are young, never said anything, or have a case that is open."""
    here = Position(flow="vneid", version="1", step="phone")
    place = Place(commune="25750")
    whole = Conversation(channel="telegram", chat=str(BA), epoch=4, position=here, stack=(here,), menus=7, place=place,
                         menu=Menu(number=7, choices=()), wake_at=room.now, answers={"đời máy": "cũ"},
                         asked=("mất thẻ", "vneid"), greeted=True)  # fmt: skip
    room.hands_off(TU, problem="máy báo lỗi 77")
    with room.house.store.engine.begin() as connection:
        for who in (BA, 2003, 2004, 2005):
            state = orjson.Fragment(record.text(replace(whole, chat=str(who)))) if who != 2003 else {}
            row = {"key": f"telegram:{who}", "channel": "telegram", "chat": str(who), "state": state,
                   "state_version": 1, "epoch": 4, "reachable": True, "name": "", "heard_at": None,
                   "updated_at": room.now + timedelta(days=9 if who == 2004 else 0)}  # fmt: skip
            connection.execute(CONVERSATION.insert(), row)
    helped = _state(room, TU)
    assert (await _sweep_after(room, 366))["conversations"] == 2
    assert _state(room, BA) == Conversation(
        channel="telegram", chat=str(BA), epoch=4, menus=7, place=place, greeted=True
    )
    assert _state(room, 2005).answers == {}
    assert _state(room, 2004).answers == {"đời máy": "cũ"}
    assert _state(room, TU) == helped
    assert (await _sweep_after(room, 1))["conversations"] == 0
    assert (await _sweep_after(room, 9))["conversations"] == 1


async def test_who_comes_back_after_that_is_answered(room: Room) -> None:
    room.says(BA, "làm vneid")
    room.press(BA, "Tạo tài khoản VNeID")
    assert _state(room, BA).position
    assert (await _sweep_after(room, 366))["conversations"] == 1
    room.run()  # what was to wake them is stale
    before = len(room.shown[str(BA)])
    assert _state(room, BA).position is None
    room.press(BA, "Làm tài khoản mới")
    assert len(room.shown[str(BA)]) == before + 1
    room.says(BA, "làm vneid")
    room.press(BA, "Tạo tài khoản VNeID")
    assert _state(room, BA).position


async def test_a_turn_that_runs_meanwhile_wins(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.says(BA, "làm vneid")
    look = retention._left_of

    def meanwhile(row: Any) -> object:
        room.press(BA, "Tạo tài khoản VNeID")
        return look(row)

    monkeypatch.setattr(retention, "_left_of", meanwhile)
    assert (await _sweep_after(room, 366))["conversations"] == 0
    assert _state(room, BA).position


async def test_files_that_were_given_up_are_forgotten(room: Room) -> None:
    """Those of a conversation that is gone, or was touched long ago; not while a case is open, nor what still waits."""
    room.hands_off(TU)
    room.says(BA, "chào con")
    room.says(2003, "chào con")
    young = CONVERSATION.update().where(CONVERSATION.c.key == "telegram:2003")
    with room.house.store.engine.begin() as connection:
        connection.execute(young.values(updated_at=room.now + timedelta(days=9)))
        for who in (BA, TU, 2003, 2004):
            for number, due in enumerate((None, room.now)):
                row = {"id": f"f{who}{number}", "conversation": f"telegram:{who}", "channel": "zalo_oa", "ref": "https://x",
                       "kind": "photo", "name": "", "attempts": 5, "next_at": due}  # fmt: skip
                connection.execute(WANTED.insert(), row)
    assert (await _sweep_after(room, 366))["wanted_files"] == 2
    left = {row["id"] for row in room.rows(sa.select(WANTED.c.id).where(WANTED.c.next_at.is_(None)))}
    assert (left, _count(room, WANTED)) == ({f"f{TU}0", "f20030"}, 6)


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
