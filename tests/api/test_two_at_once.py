"""One case in two processes at the same moment, on PostgreSQL: whoever comes second sees what the first has done."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from api import casework, desk, held, members, moving, timers
from api.outbox import Pen
from bot.model import HeldWords, Inbound
from tests.desk_room import Room, opened
from tests.service import CASE, CHAT, GROUP, INBOX, LAN, MEMBER, TAM

T = TypeVar("T")
TU, NAM = 2001, 2002


@pytest.fixture
def pair(tmp_path: Path, postgres_url: str) -> Iterator[tuple[Room, Room]]:
    with opened(tmp_path, postgres_url) as one, opened(tmp_path, postgres_url) as other:
        yield one, other


@pytest.fixture
def case_id(pair: tuple[Room, Room]) -> int:
    """Lan holds it."""
    one, other = pair
    case_id = one.hands_off(TU)
    one.press(CHAT[LAN], "Nhận")
    other.now = one.now
    return case_id


def behind(
    pair: tuple[Room, Room], first: Callable[[sa.Connection], object], second: Callable[[sa.Connection], T]
) -> T:
    """What `second` gives, which begins before the transaction of `first` has ended."""
    one, other = pair
    done: list[T] = []

    def runs() -> None:
        with other.house.store.engine.begin() as connection:
            done.append(second(connection))

    with one.house.store.engine.begin() as connection:
        first(connection)
        waiting = threading.Thread(target=runs)
        waiting.start()
        end = time.monotonic() + 10
        while waiting.is_alive() and time.monotonic() < end and not _somebody_waits(connection):
            time.sleep(0.02)
    waiting.join()
    return done[0]


def _somebody_waits(connection: sa.Connection) -> bool:
    connection.execute(sa.text("SELECT pg_stat_clear_snapshot()"))
    waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return connection.execute(sa.text(waits)).first() is not None


def _kind(room: Room, kind: str) -> list[str]:
    rows = room.rows(sa.select(INBOX.c.conversation, INBOX.c.body))
    return [row["conversation"] for row in rows if row["body"].get("kind") == kind]


def _joined(connection: sa.Connection, case_id: int) -> None:
    """As joining two chats of a resident does."""
    connection.execute(CASE.update().where(CASE.c.id == case_id).values(conversation=f"telegram:{NAM}"))


def test_who_closes_tells_the_chat_to_which_the_case_has_moved(pair: tuple[Room, Room], case_id: int) -> None:
    one, other = pair
    closes = behind(pair, lambda c: _joined(c, case_id), lambda c: desk.close(c, case_id, LAN, "solved", "", other.now))
    assert closes
    assert _kind(one, "CaseClosed") == [f"telegram:{NAM}"]


def test_who_passes_on_wakes_the_chat_to_which_the_case_has_moved(pair: tuple[Room, Room], case_id: int) -> None:
    one, other = pair
    passes = behind(pair, lambda c: _joined(c, case_id), lambda c: desk.pass_on(c, case_id, LAN, "bận", other.now))
    assert passes
    assert _kind(one, "CaseDue")[-1] == f"telegram:{NAM}"


def test_a_lead_moves_the_case_that_it_has_become(pair: tuple[Room, Room], case_id: int) -> None:
    one, other = pair

    def closed(connection: sa.Connection) -> None:
        assert desk.close(connection, case_id, LAN, "solved", "", one.now)

    moved = behind(pair, closed, lambda c: casework.move(c, case_id, TAM, TAM, "gần hơn", other.now))
    assert not moved
    assert one.load(TAM) == 0


def test_words_for_a_case_that_was_passed_on_are_not_said_to_be_sent(pair: tuple[Room, Room], case_id: int) -> None:
    one, other = pair
    pen = Pen(1, f"telegram:{CHAT[LAN]}", other.now)
    words = HeldWords(case=case_id, member=LAN, message_id="77", asked_by=1, text="Dạ bác bấm nút xanh")
    behind(
        pair, lambda c: desk.pass_on(c, case_id, LAN, "bận", one.now), lambda c: members.let_go(c, pen, words)
    )  # fmt: skip
    assert [row["body"]["text"].partition(": ")[2] for row in pen.rows] == [
        "hồ sơ chưa ai nhận, hoặc bạn đang giữ đủ hồ sơ; tin chưa gửi cho bà con."
    ]
    assert _kind(one, "MemberSaid") == []


def test_words_that_go_just_now_cannot_be_changed_any_more(pair: tuple[Room, Room], case_id: int) -> None:
    one, _ = pair
    chat, words = str(CHAT[LAN]), HeldWords(case=case_id, member=LAN, message_id="88", asked_by=2, text="sai")
    with one.house.store.engine.begin() as connection:
        held.hold(connection, chat, words, one.now)
    due = one.now + timedelta(seconds=1)
    assert not behind(pair, lambda c: timers.fire(c, due), lambda c: held.change(c, chat, "88", "đúng", ()))


def test_a_new_person_of_the_group_becomes_one_member(pair: tuple[Room, Room]) -> None:
    one, other = pair
    said = Inbound(channel="telegram", chat=str(GROUP), message_id="1", sent_at=one.now, text="dạ", sender="555",
                   sender_name="Tám", group=True)  # fmt: skip
    with one.house.store.engine.begin() as connection:
        moving.set_sequences(connection)  # the town was put in with its numbers
    behind(
        pair,
        lambda c: desk.enrol(c, said, one.office, one.now),
        lambda c: desk.enrol(c, said, other.office, other.now),
    )
    assert len(one.rows(sa.select(MEMBER.c.id).where(MEMBER.c.telegram_chat == "555"))) == 1
