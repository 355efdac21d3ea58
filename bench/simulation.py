"""A week of a town: residents who ask for a person, members with human habits, a wire and loops that fail.

    python -m bench.simulation [--residents 2000] [--days 7] [--seed 1]

The real store (SQLite in a temporary folder), turns, desk, timers and the sender's own statements, on a clock of ours;
no HTTP. Looked at every minute: has each open case an owner or a queue, and a next moment? Counted at the end: who was
answered when, by which rung; and whether any words were doubled, crossed to somebody else, or said by the bot while
the team held the talk (each must be 0).
"""

import argparse
import heapq
import random
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from api import desk, inbox, timers, turns
from api.attempt import later
from api.carrier import Carrier
from api.cases import Office
from api.house import House
from api.main import build
from api.marks import Result
from api.outbox import UNKNOWN_FATE, Status
from api.sender import Sender
from api.settings import Settings
from api.tables import Case, ConversationRow, Inbox, Log, Member, Offer, Outbox, Timer
from bot.handoff import PROMISE_MINUTES, Hours
from bot.model import Inbound
from bot.said import VIETNAM

BEGINS = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # a Monday, 7 o'clock in Vietnam
TICK = timedelta(minutes=1)
#: of a hundred residents so many come in each hour of the day, from midnight, Vietnam time
ASKED_BY_HOUR = (1, 0, 0, 0, 1, 2, 4, 6, 8, 8, 7, 5, 4, 4, 6, 6, 6, 6, 7, 8, 6, 3, 1, 1)
#: of sends: refused for now, lost sight of, slow
REFUSED, UNKNOWN, SLOW = 0.03, 0.005, 0.05
RESTART_EVERY = timedelta(hours=7)

_case, _conversation, _inbox, _log, _member, _offer, _outbox, _timer = (
    table.__table__ for table in (Case, ConversationRow, Inbox, Log, Member, Offer, Outbox, Timer)
)
_TALK = sa.select(_conversation.c.epoch, _conversation.c.state).where(_conversation.c.key == sa.bindparam("key"))
#: each database row that would be a fault is found by the database itself: usually there is none to read
_NEXT = sa.select(
    sa.select(sa.func.min(_timer.c.due_at)).scalar_subquery(),
    sa.select(sa.func.min(_outbox.c.next_at)).where(_outbox.c.status < sa.text("2")).scalar_subquery(),
    sa.select(sa.func.min(_inbox.c.next_at)).where(_inbox.c.done_at.is_(None)).scalar_subquery(),
)
_open_cases = sa.select(_case.c.id).where(_case.c.closed_at.is_(None))
_UNOWNED = _open_cases.where(
    _case.c.holder_id.is_(None),
    _case.c.again_at.is_(None),
    ~sa.exists().where(_offer.c.case_id == _case.c.id, _offer.c.answered_at.is_(None)),
)
_UNTIMED = _open_cases.where(
    ~sa.exists().where(_timer.c.key == sa.literal("case:").concat(sa.cast(_case.c.id, sa.String))),
    ~sa.exists().where(_inbox.c.conversation == _case.c.conversation, _inbox.c.done_at.is_(None)),
)
_held = (
    sa.select(sa.func.count()).where(_case.c.holder_id == _member.c.id, _case.c.closed_at.is_(None)).scalar_subquery()
)
_OVERFULL = sa.select(_member.c.id).where(_member.c.open_cases > _member.c.capacity)
_MISCOUNTED = sa.select(_member.c.id).where(_member.c.open_cases != _held)
#: by the fault that it would be, the numbers of cases or members
_WATCHED = {
    "case without owner or queue": _UNOWNED,
    "case without next moment": _UNTIMED,
    "capacity broken": _OVERFULL,
    "hands miscounted": _MISCOUNTED,
}


@dataclass(slots=True)
class Faults:
    """What must be 0, and an example of each that is not."""

    found: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def note(self, what: str, example: str) -> None:
        self.found[what] += 1
        self.examples.setdefault(what, example)


WHAT_MUST_NOT_BE = (
    "case without owner or queue", "case without next moment", "capacity broken", "hands miscounted",
    "bot spoke while the team held the talk", "composed before a change of owner, sent after", "message doubled",
    "message crossed", "member asked at night", "offered to somebody off duty", "words of a member lost",
)  # fmt: skip


class Town:
    """Everybody, the clock, and the service between them."""

    def __init__(self, house: House, residents: int, days: int, seed: int) -> None:
        self.house, self.days = house, days
        self.chance = random.Random(seed)
        self.now = BEGINS
        self.numbers = count(1)
        self.faults = Faults()
        #: what people will do: (when, order, act)
        self.plans: list[tuple[datetime, int, Callable[[], object]]] = []
        self.arrivals: list[inbox.Arrival] = []
        self.writes: list[Callable[[sa.Connection], object]] = []
        self.hours = Hours()
        self.office = Office(library=house.shelf.library, hours=self.hours, team_chat="",
                         undo_seconds=house.settings.member_undo_seconds)  # fmt: skip
        self.wire = Wire(self)
        self.members = _settle_members(house)
        self.diligence = {one: self.chance.triangular(0.2, 1.0, 0.7) for one in self.members.values()}
        self.residents = {str(100_000 + number): Resident(self, str(100_000 + number)) for number in range(residents)}
        for one in self.residents.values():
            one.begin()
        for member_id in self.members.values():
            self.at(self._some_morning(), partial(self.goes_away, member_id))
        self.restarts = 0

    # --- time ---

    def at(self, when: datetime, act: Callable[[], object]) -> None:
        heapq.heappush(self.plans, (when, next(self.numbers), act))

    def within(self, low_minutes: float, high_minutes: float, act: Callable[[], object]) -> None:
        self.at(self.now + timedelta(minutes=self.chance.uniform(low_minutes, high_minutes)), act)

    def awake(self, when: datetime) -> datetime:
        """People sleep from 22 to 6."""
        local = when.astimezone(VIETNAM)
        if 6 <= local.hour < 22:
            return when
        wakes = local.replace(hour=6, minute=self.chance.randrange(60)) + timedelta(days=local.hour >= 22)
        return wakes.astimezone(UTC)

    def run(self) -> None:
        end = BEGINS + timedelta(days=self.days)
        restart_at = self.now + RESTART_EVERY
        with self.house.store.engine.begin() as connection:
            timers.keep(connection, self.hours, self.now)
        while self.now < end:
            self.now += TICK
            if self.now >= restart_at:
                self.restart()
                restart_at = self.now + RESTART_EVERY
            while self.plans and self.plans[0][0] <= self.now:
                heapq.heappop(self.plans)[2]()
            if self.is_due():
                self.service()
                self.look()

    def is_due(self) -> bool:
        """Whether the loops would find anything; where they would not, all is as it was a minute ago."""
        if self.writes or self.arrivals or self.wire.slow or self.wire.sender.results:
            return True
        with self.house.store.engine.connect() as connection:
            moments = connection.execute(_NEXT).one()
        return any(moment is not None and moment <= self.now for moment in moments)

    def service(self) -> None:
        """What the loops do in a minute: timers, turns until nothing is left, what goes out and comes back."""
        for _ in range(200):
            with self.house.store.engine.begin() as connection:
                for write in self.writes:
                    write(connection)
                inbox.put(connection, self.arrivals, self.now)
                self.writes, self.arrivals = [], []
                timers.fire(connection, self.now)
                done = turns.take(connection, self.office, self.now).events
                sent = self.wire.pump(connection)
            if not done and not sent:
                return
        self.faults.note("case without next moment", f"{self.now}: turns never come to rest")

    def restart(self) -> None:
        """The process is killed: what was on the wire is of unknown fate, all that was in memory is gone."""
        self.restarts += 1
        self.wire.killed()
        with self.house.store.engine.begin() as connection:
            timers.keep(connection, self.hours, self.now)

    # --- people ---

    def says(self, chat: str, text: str = "", choice: str | None = None, reply_to: str | None = None) -> str:
        number = str(next(self.numbers))
        said = Inbound(channel="telegram", chat=chat, message_id=number, sent_at=self.now, text=text, choice=choice,
                       reply_to=reply_to, sender=chat, sender_name=f"Bác {chat}")  # fmt: skip
        arrival = inbox.from_channel(said, f"message:{number}")
        self.arrivals.append(arrival)
        if self.chance.random() < 0.02:
            self.arrivals.append(arrival)  # the provider delivers it twice
        return number

    def goes_away(self, member_id: int) -> None:
        """Off duty for some hours, or on leave for some days, by their own word."""
        hours, chat = self.chance.choice((3, 6, 24, 48)), _chat_of(member_id)
        back = self.awake(self.now + timedelta(hours=hours))
        if hours < 24:
            self.writes.append(lambda c: desk.set_duty(c, member_id, False, self.now))
            self.at(back, lambda: self.writes.append(lambda c: desk.set_duty(c, member_id, True, self.now)))
        else:
            self.says(chat, f"nghỉ đến {back.astimezone(VIETNAM):%d/%m}")
            self.at(back, lambda: self.says(chat, "đi làm lại"))
        self.at(back + timedelta(days=self.chance.uniform(1, 4)), lambda: self.goes_away(member_id))

    def _some_morning(self) -> datetime:
        return self.now + timedelta(days=self.chance.uniform(0, 6), hours=self.chance.uniform(0, 12))

    # --- what must hold ---

    def look(self) -> None:
        with self.house.store.engine.connect() as connection:
            for what, query in _WATCHED.items():
                for found in connection.execute(query).scalars():
                    self.faults.note(what, f"{found} at {self.now}")


class Wire:
    """A channel that records what it carries, and fails. It knows what arrived even where the sender does not."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.sender = Sender(town.house, Carrier(town.house, {}))
        self.carried: dict[int, str] = {}
        self.slow: list[tuple[datetime, dict[str, Any]]] = []
        self.ids = count(1)
        self.words_to: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.sends = Counter[str]()

    def killed(self) -> None:
        self.slow.clear()
        self.sender = Sender(self.town.house, Carrier(self.town.house, {}))
        lost = _outbox.update().where(_outbox.c.status == int(Status.SENDING))
        self.town.writes.append(
            lambda c: c.execute(lost.values(status=int(Status.QUEUED), next_at=self.town.now, error=UNKNOWN_FATE))
        )

    def pump(self, connection: sa.Connection) -> int:
        """One round of the sender's own statements; each row it marks is tried."""
        town = self.town
        results, self.sender.results = self.sender.results, []
        rows, _ = self.sender._round(connection, results, town.now, 256)
        late = [row for due, row in self.slow if due <= town.now]
        self.slow = [(due, row) for due, row in self.slow if due > town.now]
        for row in rows:
            self._check_owner(connection, row)
            self._try(dict(row))
        for row in late:
            self._arrives(row)
        return len(rows) + len(late) + len(self.sender.results)

    def _try(self, row: dict[str, Any]) -> None:
        town, luck = self.town, self.town.chance.random()
        if row["error"] == UNKNOWN_FATE and row["id"] in self.carried:
            self._settle(row)  # asked about, and found
        elif luck < REFUSED:
            self.sends["refused"] += 1
            self.sender.results.append(later(row, town.now, "429"))
        elif luck < REFUSED + UNKNOWN:
            self.sends["of unknown fate"] += 1
            if town.chance.random() < 0.5:
                self._carry(row)
            again = town.now + timedelta(seconds=1)
            self.sender.results.append(Result(row=row["id"], owner=row["owner"], status=Status.QUEUED, next_at=again,
                                              error=UNKNOWN_FATE))  # fmt: skip
        elif luck < REFUSED + UNKNOWN + SLOW:
            self.sends["slow"] += 1
            self.slow.append((town.now + timedelta(minutes=town.chance.randrange(1, 4)), row))
        else:
            self._arrives(row)

    def _arrives(self, row: dict[str, Any]) -> None:
        self._carry(row)
        self._settle(row)

    def _settle(self, row: dict[str, Any]) -> None:
        now = self.town.now
        self.sender.results.append(Result(row=row["id"], owner=row["owner"], status=Status.SENT, next_at=now,
                                          sent_at=now, remote_id=self.carried[row["id"]]))  # fmt: skip

    def _carry(self, row: dict[str, Any]) -> None:
        """Somebody's screen lights up."""
        town = self.town
        self.sends["carried"] += 1
        if row["id"] in self.carried:
            town.faults.note("message doubled", f"row {row['id']}")
        self.carried[row["id"]] = str(next(self.ids))
        text, choices = row["body"].get("text", ""), row["body"].get("choices", [])
        for word in text.split():
            if word.startswith("@"):
                self.words_to[row["chat"]][word] += 1
        if row["chat"] in town.residents:
            town.residents[row["chat"]].reads(text, choices, row["body"].get("menu", 0))
        elif row["chat"] in town.members:
            reads(town, row["chat"], text, [one["id"] for one in choices], self.carried[row["id"]])

    def _check_owner(self, connection: sa.Connection, row: Any) -> None:
        """At the moment a row is marked as sending."""
        if row["chat"] not in self.town.residents:
            return
        talk = connection.execute(_TALK, {"key": row["conversation"]}).one()
        if row["epoch"] is not None and row["epoch"] < talk.epoch:
            self.town.faults.note("composed before a change of owner, sent after", f"row {row['id']}")
        if talk.state.get("held_by") == "team" and not row["body"].get("notice"):
            self.town.faults.note("bot spoke while the team held the talk", f"row {row['id']}: {row['body']}")


@dataclass(slots=True)
class Resident:
    """Asks for a person once, answers the intake, waits, asks when, thanks, or finds that it is not done."""

    town: Town
    chat: str
    where: str = ""
    questions: int = 0
    done: bool = False

    def begin(self) -> None:
        town = self.town
        day = BEGINS.astimezone(VIETNAM).replace(hour=0) + timedelta(days=town.chance.randrange(town.days))
        hour = town.chance.choices(range(24), ASKED_BY_HOUR)[0]
        self.where = town.chance.choice(_PLACES)
        asked_at = (day + timedelta(hours=hour, minutes=town.chance.uniform(0, 60))).astimezone(UTC)
        town.at(max(asked_at, BEGINS), lambda: self.writes("gặp người"))

    def writes(self, text: str) -> None:
        self.town.says(self.chat, text)

    def reads(self, text: str, choices: list[dict[str, Any]], menu: int) -> None:
        """What they do about what they read."""
        town = self.town
        labels = {one["label"]: f"{menu}.{place}" for place, one in enumerate(choices, 1)}

        def soon(choice: str = "", words: str = "") -> None:
            town.within(0.2, 3, lambda: town.says(self.chat, words, choice or None))

        if "@" in text:
            self._answered()
        elif "Đồng ý" in labels:
            soon(labels["Đồng ý"])
        elif "Đúng rồi" in labels:
            soon(labels["Đúng rồi"])
        elif "ấp, khu phố nào" in text:
            soon(words=self.where)
        elif "cần giúp chuyện gì" in text:
            soon(words=f"máy tui bị lỗi @r{self.chat}")
        elif "Vẫn chưa xong" in labels:
            self._ended(labels)
        elif "chuyển lời Bác" in text:
            self._waits()

    def _waits(self) -> None:
        town, luck = self.town, self.town.chance.random()
        if luck < 0.15:
            town.within(10, 90, lambda: self.writes("chừng nào có người"))
        elif luck < 0.20:
            town.within(5, 200, lambda: self.writes("gặp bot"))
            town.within(201, 300, lambda: self.writes("gặp người"))
        elif luck < 0.40:
            town.within(1, 60, lambda: self.writes(f"tui nhắn thêm nè @r{self.chat}"))

    def _answered(self) -> None:
        town, luck = self.town, self.town.chance.random()
        self.questions += 1
        if luck < 0.35 and self.questions < 4:
            town.within(1, 30, lambda: self.writes(f"rồi làm sao nữa con @r{self.chat}"))
        elif luck < 0.8:
            town.within(1, 60, lambda: self.writes("cảm ơn con"))

    def _ended(self, labels: dict[str, str]) -> None:
        town, luck = self.town, self.town.chance.random()
        choice = labels["Vẫn chưa xong"] if luck < 0.1 and not self.done else next(iter(labels.values()))
        self.done = True
        if luck < 0.7:
            town.within(1, 120, lambda: town.says(self.chat, choice=choice))


def reads(town: Town, chat: str, text: str, buttons: list[str], message_id: str) -> None:
    """What a member does about what they read: sleeps on it, ignores it, declines, taps late, answers, ends it."""
    member_id = town.members[chat]
    diligence, luck = town.diligence[member_id], town.chance.random()
    takes = [one for one in buttons if one.startswith("take.")]
    declines = [one for one in buttons if one.startswith("decline.")]

    def later(low: float, high: float, act: Callable[[], object]) -> None:
        when = town.awake(town.now + timedelta(minutes=town.chance.uniform(low, high)))
        town.at(when, act)

    if any(one.startswith("away.") for one in buttons):
        if luck < 0.6:
            later(1, 20, lambda: town.says(chat, choice="away.keep" if luck < 0.3 else "away.pass"))
    elif declines:
        if not town.hours.open_at(town.now) and not town.hours.open_at(town.now - timedelta(minutes=10)):
            town.faults.note("member asked at night", f"{member_id} at {town.now}")
        if luck < diligence:
            later(0.3, 7, lambda: town.says(chat, choice=takes[0]))
        elif luck < diligence + 0.15:
            later(0.3, 4, lambda: town.says(chat, choice=declines[0]))
    elif takes and luck < diligence * 0.6:  # the morning's digest, or a lead who hears that nobody is free
        later(1, 40, lambda: town.says(chat, choice=town.chance.choice(takes)))
    elif (any(one.startswith("close.") for one in buttons) and "bạn đã nhận" in text) or "về lại với bạn" in text:
        case_id = _case_of(text)
        if luck < 0.95:
            later(1, 45, lambda: _answers(town, chat, case_id, message_id))
    elif "chưa có câu trả lời" in text or "quá giờ hẹn" in text or "còn mở" in text:
        case_id = _case_of(text)
        if luck < 0.8:
            later(1, 20, lambda: _answers(town, chat, case_id, message_id, ends=True))
    elif "@r" in text:
        case_id = _case_of(text)
        later(1, 60, lambda: _answers(town, chat, case_id, message_id, ends=luck < 0.5))


def _case_of(text: str) -> int:
    """The case that a line to a member names: "#12 Bác Tư: ..."."""
    return int("".join(ch for ch in text.partition("#")[2].split()[0] if ch.isdigit()))


def _answers(town: Town, chat: str, case_id: int, message_id: str, *, ends: bool = False) -> bool:
    """In reply to the line that they read; most end the case a while later."""
    town.says(chat, f"Dạ Bác bấm nút xanh @m{case_id}.{next(town.numbers)}", reply_to=message_id)
    if ends or town.chance.random() < 0.6:
        when = town.awake(town.now + timedelta(minutes=town.chance.uniform(5, 180)))
        town.at(when, lambda: town.says(chat, choice=f"close.{case_id}.solved"))
    return True


_PLACES = (
    "khu phố 3 phường Phú Lợi", "khu phố 1 phường Phú Lợi", "khu phố 2 phường Thủ Dầu Một", "ấp 1 xã Dầu Tiếng",
    "ấp 2 xã Mỹ An Hưng", "khóm 1 phường Sa Đéc", "khóm 2 phường Cao Lãnh", "khu phố 8 phường Mỹ Tho",
    "ấp 5 xã Lai Vung", "khu phố 7 phường Dĩ An",
)  # fmt: skip


def _settle_members(house: House) -> dict[str, int]:
    """Every member gets a chat; some of the duty hours end early."""
    with house.store.engine.begin() as connection:
        ids = list(connection.execute(sa.select(_member.c.id).order_by(_member.c.id)).scalars())
        for member_id in ids:
            one: dict[str, Any] = {"telegram_chat": _chat_of(member_id)}
            if member_id % 5 == 0:
                one |= {"duty_from_minute": 8 * 60, "duty_to_minute": 17 * 60}
            connection.execute(_member.update().where(_member.c.id == member_id).values(one))
    return {_chat_of(member_id): member_id for member_id in ids}


def _chat_of(member_id: int) -> str:
    return str(900_000 + member_id)


# --- the report ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    residents: int
    cases: int
    answered: int
    #: of the cases whose promised time came within the days: answered by a person before it
    in_time_percent: float
    first_answer_minutes: tuple[float, float]
    #: the same for those who wrote in the hours of the day
    by_day_minutes: tuple[float, float]
    rungs: dict[str, int]
    reopened: int
    taken_away: int
    sends: dict[str, int]
    restarts: int
    faults: Faults
    seconds: float


def report(town: Town, seconds: float) -> Report:
    with town.house.store.engine.connect() as connection:
        cases = connection.execute(sa.select(_case)).mappings().all()
        logged = Counter(connection.execute(sa.select(_log.c.kind)).scalars())
        promises: dict[int, datetime] = {}
        told = sa.select(_log.c.case_id, _log.c.detail).where(_log.c.kind == "promised").order_by(_log.c.id.desc())
        for row in connection.execute(told):
            promises[row.case_id] = datetime.fromisoformat(row.detail)
        tapped = sa.select(_offer.c.rung, sa.func.count()).where(_offer.c.answer == "taken").group_by(_offer.c.rung)
        rungs = {row.rung: int(row[1]) for row in connection.execute(tapped)}
        _look_back(town, connection, cases)
    rungs["own tap"] = logged["taken"] - sum(rungs.values())
    owed = [(case, promises.get(case["id"], town.hours.after(case["opened_at"], PROMISE_MINUTES))) for case in cases]
    owed = [(case, by) for case, by in owed if by <= town.now and case["outcome"] != "resident_left"]
    kept = [case for case, by in owed if case["answered_at"] is not None and case["answered_at"] <= by]
    answered = [case for case in cases if case["answered_at"] is not None]
    by_day = [case for case in answered if town.hours.open_at(case["opened_at"])]
    return Report(
        residents=len(town.residents), cases=len(cases), answered=len(answered),
        in_time_percent=100 * len(kept) / max(1, len(owed)), first_answer_minutes=_minutes(answered),
        by_day_minutes=_minutes(by_day), rungs=rungs, reopened=logged["reopened"],
        taken_away=logged["warned_taken_away"], sends=dict(town.wire.sends), restarts=town.restarts,
        faults=town.faults, seconds=seconds,
    )  # fmt: skip


def _minutes(cases: list[Any]) -> tuple[float, float]:
    """Median and 95th percentile of the time to the first answer."""
    waits = sorted((case["answered_at"] - case["opened_at"]).total_seconds() / 60 for case in cases)
    return (statistics.median(waits), waits[int(len(waits) * 0.95)]) if waits else (0.0, 0.0)


def _look_back(town: Town, connection: sa.Connection, cases: Any) -> None:
    """Over all that was ever carried: each word once, and to nobody but whom it was for."""
    chat_of = {case["id"]: case["conversation"].partition(":")[2] for case in cases}
    case_of = defaultdict(set)
    for case in cases:
        case_of[case["conversation"].partition(":")[2]].add(case["id"])
    was = defaultdict(set)
    for row in connection.execute(sa.select(_log.c.case_id, _log.c.member_id).where(
            _log.c.kind.in_(("taken", "offered", "warned_nobody", "warned_missed", "warned_soon")))):  # fmt: skip
        was[row.case_id].add(row.member_id)
    for chat, words in town.wire.words_to.items():
        for word, times in words.items():
            if word.startswith("@m") and chat in town.residents:
                if chat_of[int(word[2:].partition(".")[0])] != chat:
                    town.faults.note("message crossed", f"{word} to {chat}")
                if times > 1:
                    town.faults.note("message doubled", f"{word} to {chat}")
            elif word.startswith("@r") and chat in town.members:
                theirs = set().union(*(was[one] for one in case_of[word[2:]]))
                if town.members[chat] not in theirs:
                    town.faults.note("message crossed", f"{word} to {chat}")
    off = sa.select(_log.c.member_id, _log.c.at, _log.c.kind, _log.c.id).where(
        _log.c.kind.in_(("duty_on", "duty_off", "leave_taken", "offered"))).order_by(_log.c.id)  # fmt: skip
    away: set[int] = set()
    for happened in connection.execute(off):
        if happened.kind == "offered" and happened.member_id in away:
            town.faults.note("offered to somebody off duty", f"{happened.member_id} at {happened.at}")
        if happened.kind in ("duty_off", "leave_taken"):
            away.add(happened.member_id)
        elif happened.kind == "duty_on":
            away.discard(happened.member_id)
    said = connection.execute(sa.select(_log.c.id).where(_log.c.kind == "member_said")).all()
    on_the_way = sa.select(_outbox.c.body, _outbox.c.status).where(_outbox.c.status < 2)
    waiting = [row for row in connection.execute(on_the_way) if row.body.get("author") == "member"]
    arrived = sum(times for chat, words in town.wire.words_to.items() if chat in town.residents
                  for word, times in words.items() if word.startswith("@m"))  # fmt: skip
    if len(said) - arrived - len(waiting) > 0:
        town.faults.note("words of a member lost", f"{len(said)} said, {arrived} arrived, {len(waiting)} on the way")


def simulate(folder: Path, residents: int, days: int, seed: int) -> Report:
    begun = time.perf_counter()
    clock: list[Town] = []
    settings = Settings(
        _env_file=None, database_url=f"sqlite:///{folder}/town.db", demo=True, telegram_token="1:none",
    )  # fmt: skip
    house = build(settings, lambda: clock[0].now if clock else BEGINS)
    try:
        raw = house.store.engine.raw_connection()
        raw.cursor().execute("PRAGMA synchronous=OFF")  # nobody pulls the plug here
        raw.close()
        town = Town(house, residents, days, seed)
        clock.append(town)
        town.run()
        return report(town, time.perf_counter() - begun)
    finally:
        house.store.stop()


def tell(found: Report) -> str:
    lines = [
        f"{found.residents} residents, {found.cases} cases, {found.answered} answered by a person "
        f"({found.seconds:.0f} s, {found.restarts} restarts)",
        f"within the promised time: {found.in_time_percent:.1f} %",
        "first answer, median and p95: {:.0f} and {:.0f} minutes".format(*found.first_answer_minutes),
        "  of those who wrote from 7 to 21: {:.0f} and {:.0f} minutes".format(*found.by_day_minutes),
        f"taken by rung: {', '.join(f'{rung} {number}' for rung, number in found.rungs.items())}",
        f"not done and opened again: {found.reopened}; taken away from a silent holder: {found.taken_away}",
        f"sends: {', '.join(f'{number} {what}' for what, number in found.sends.items())}",
    ]
    lines += [f"{what}: {found.faults.found[what]} {found.faults.examples.get(what, '')}".rstrip()
              for what in WHAT_MUST_NOT_BE]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--residents", type=int, default=2000)
    arguments.add_argument("--days", type=int, default=7)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = simulate(Path(folder), options.residents, options.days, options.seed)
    print(tell(found))
    raise SystemExit(1 if found.faults.found else 0)


if __name__ == "__main__":
    main()
