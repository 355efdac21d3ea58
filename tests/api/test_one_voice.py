"""One voice: what the bot wrote before a talk changed hands is not sent after; words reach only whom they are for."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api import desk, marks
from api.outbox import Status
from tests.desk_room import Room, opened
from tests.service import CASE, CHAT, CONVERSATION, LAN, OUTBOX, TAM

TU, NAM = 2001, 2002
RESIDENTS, MEMBERS = (TU, NAM), {CHAT[LAN]: LAN, CHAT[TAM]: TAM}
STEPS = 100


@pytest.fixture
def room(tmp_path: Path, database_url: str) -> Iterator[Room]:
    with opened(tmp_path, database_url) as one:
        yield one


def statuses(room: Room, text: str) -> list[int]:
    rows = room.rows(sa.select(OUTBOX.c.body, OUTBOX.c.status).order_by(OUTBOX.c.id))
    return [row["status"] for row in rows if text in row["body"].get("text", "")]


def waiting_bot(room: Room) -> str:
    """A resident who waits, went back to the bot, and whose menu is on its way out. What that menu says."""
    room.hands_off(TU)
    room.says(TU, "gặp bot")
    room.slow.add(str(TU))
    room.says(TU, "menu")
    return room.house.shelf.library.phrases.menu.strip()


def test_what_still_waits_to_be_sent_goes_with_an_erasure(room: Room) -> None:
    room.slow.add(str(TU))
    room.says(TU, "menu")
    room.says(TU, "căn cước của tui bị mờ")
    room.says(TU, "xoá dữ liệu")
    room.says(TU, "xoá hết")
    left = room.rows(sa.select(OUTBOX.c.body, OUTBOX.c.status).order_by(OUTBOX.c.id))
    on_the_wire, *waiting, last = left
    assert on_the_wire["status"] == Status.SENDING
    assert [(row["status"], row["body"]) for row in waiting] == [(Status.VOID, {})] * len(waiting)
    assert len(waiting) >= 2
    assert last["status"] == Status.QUEUED
    assert "xoá" in last["body"]["text"]


def test_a_reply_that_is_tried_again_is_void_once_a_member_has_the_talk(room: Room) -> None:
    menu = waiting_bot(room)
    [row] = room.on_the_wire
    room.press(CHAT[LAN], "Nhận")
    room.fails(row)
    room.slow.clear()
    room.later(minutes=5)
    assert statuses(room, menu)[-1] == Status.VOID
    assert "nhận giúp Bác" in room.last(TU)
    assert menu not in room.last(TU)


def test_a_reply_on_the_wire_when_the_process_dies_is_void_after(room: Room) -> None:
    menu = waiting_bot(room)
    room.press(CHAT[LAN], "Nhận")
    room.killed()
    room.slow.clear()
    room.later(minutes=5)
    assert statuses(room, menu)[-1] == Status.VOID
    assert menu not in room.last(TU)


def test_the_talk_changes_hands_between_the_two_looks_of_another_process(tmp_path: Path, postgres_url: str) -> None:
    """Two processes on PostgreSQL: one has voided what was old, then the other lets a member take the talk."""
    with opened(tmp_path, postgres_url) as room:
        room.hands_off(TU)
        room.says(TU, "gặp bot")
        room.slow.add(str(TU))
        room.says(TU, "menu")
        room.fails(room.on_the_wire[0])
        results, room.sender.results = room.sender.results, []
        later = room.now + timedelta(minutes=1)
        with room.house.store.engine.begin() as first:
            marks.settle(first, results, room.now)
            marks.void_moved(first, "telegram")
            with room.house.store.engine.begin() as second:
                second.execute(CONVERSATION.update().values(epoch=CONVERSATION.c.epoch + 1))
            assert marks.mark(first, later, "telegram", 10) == []


def test_a_queue_behind_a_slow_message_is_void_but_for_the_notices(room: Room) -> None:
    menu = waiting_bot(room)
    for _ in range(3):
        room.says(TU, "menu")
    room.press(CHAT[LAN], "Nhận")
    room.says(CHAT[LAN], "Dạ con đây bác")
    room.later(seconds=30)
    room.slow.clear()
    room.arrive(room.on_the_wire[0])  # this one had left before
    room.run()
    assert statuses(room, menu)[-3:] == [Status.VOID] * 3
    assert room.last(TU) == "Chị Lan: Dạ con đây bác"
    assert "nhận giúp Bác" in room.texts(TU)[-2]


def test_a_members_words_outlive_the_hand_over(room: Room) -> None:
    """They are a person's: said while she held it, they still arrive, and under her name."""
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.slow.add(str(TU))
    room.act(lambda c: desk.say(c, case_id, LAN, "bác chờ anh Tâm", (), "1", room.now))
    room.act(lambda c: desk.give(c, case_id, LAN, TAM, "busy", room.now))
    room.slow.clear()
    room.arrive(room.on_the_wire[0])
    room.run()
    assert room.texts(TU)[-2] == "Chị Lan: bác chờ anh Tâm"
    assert "anh Tâm" in room.last(TU)


class Muddle:
    """Two residents and two members do what they like, in any order; sends are slow, fail, or lose their process."""

    def __init__(self, room: Room, seed: int) -> None:
        self.room, self.chance = room, random.Random(seed)
        self.said = 0

    def play(self) -> None:
        for chat in RESIDENTS:
            self.room.hands_off(chat, f"việc của @r{chat}")
        acts = (*[self.resident] * 4, *[self.member] * 4, self.wire, self.wire, self.wait, self.console)
        for _ in range(STEPS):
            self.chance.choice(acts)()
            if self.chance.random() < 0.04:
                self.room.killed()
        self.room.slow.clear()
        while self.room.on_the_wire:
            self.room.arrive(self.room.on_the_wire[0])
        self.room.later(minutes=30)

    def resident(self) -> None:
        """With the bot they come back, or go on asking it; with the team they mostly go on telling."""
        chat = self.chance.choice(RESIDENTS)
        state = self.room.talk(chat)["state"]
        if state.get("held_by") != "team":
            words = ["menu", "menu", "gặp người", "chưa xong"]
        elif state.get("case") == "waiting":
            words = ["gặp bot", f"tui nè @r{chat}", "chừng nào có người"]
        else:
            words = [f"tui nè @r{chat}", f"nữa nè @r{chat}", "cảm ơn con"]
        self.room.says(chat, self.chance.choice(words))

    def member(self) -> None:
        chat = self.chance.choice(tuple(MEMBERS))
        shown = [row for row in self.room.shown[str(chat)] if row["case_id"]]
        if not shown:
            return
        row = self.chance.choice(shown)
        taps = [one["id"] for one in row["body"].get("choices", []) if one["id"].startswith("take.")]
        if taps:
            self.room.says(chat, choice=taps[0])
            return
        self.said += 1
        self.room.says(chat, f"dạ @m{row['case_id']}.{self.said}", reply_to=f"m{row['id']}")

    def console(self) -> None:
        cases = self.room.rows(sa.select(CASE).where(CASE.c.closed_at.is_(None), CASE.c.holder_id.is_not(None)))
        if not cases:
            return
        case, now = self.chance.choice(cases), self.room.now
        other = TAM if case["holder_id"] == LAN else LAN
        work: Any = self.chance.choice((
            lambda c: desk.pass_on(c, case["id"], case["holder_id"], "busy", now, member=other),
            lambda c: desk.pass_on(c, case["id"], case["holder_id"], "busy", now),
            lambda c: desk.give(c, case["id"], case["holder_id"], other, "busy", now),
            lambda c: desk.close(c, case["id"], case["holder_id"], "solved", "", now),
        ))  # fmt: skip
        self.room.act(work)

    def wire(self) -> None:
        chat = str(self.chance.choice((*RESIDENTS, *MEMBERS)))
        self.room.slow ^= {chat}
        for row in list(self.room.on_the_wire):
            (self.room.arrive if self.chance.random() < 0.5 else self.room.fails)(row)
        self.room.run()

    def wait(self) -> None:
        self.room.later(minutes=self.chance.choice((0.1, 1, 6, 35)))


@pytest.mark.parametrize("seed", range(6))
def test_in_any_muddle_words_find_whom_they_are_for(room: Room, seed: int) -> None:
    Muddle(room, seed).play()
    assert room.two_voices == []
    owner = {row["id"]: row["conversation"] for row in room.rows(sa.select(CASE))}
    for chat in RESIDENTS:
        words = [word for text in room.texts(chat) for word in text.split() if word.startswith("@m")]
        assert len(words) == len(set(words))  # nothing twice
        assert all(owner[int(word[2:].partition(".")[0])] == f"telegram:{chat}" for word in words)
    cases_of = {chat: {f"#{one}" for one, key in owner.items() if key == f"telegram:{chat}"} for chat in RESIDENTS}
    for chat in MEMBERS:
        for text in room.texts(chat):
            for word in text.split():
                if word.startswith("@r"):
                    named = {f"#{one}" for one in owner if f"#{one} " in text}
                    assert named <= cases_of[int(word[2:])], text
