"""The desk without doors: the real tables, turns, timers and the sender's own statements, on a clock that only we move.

Nothing runs by itself: `room.run()` does what the loops would do now. What goes out is kept by chat; a send can be made
slow or fail, and the process can be killed.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from api import inbox, timers, turns
from api.carrier import Carrier
from api.cases import Office
from api.house import House
from api.main import build
from api.marks import Result
from api.outbox import UNKNOWN_FATE, Status
from api.sender import Sender
from api.settings import Settings
from bot.handoff import Hours
from bot.model import Inbound
from tests.service import (
    CASE,
    CONVERSATION,
    DAY,
    LOG,
    MEMBER,
    OFFER,
    OUTBOX,
    TOWN,
    Person,
    enter,
    lay_out,
    shared_content,
)

HOURS = Hours()


@dataclass(slots=True)
class Room:
    house: House
    now: datetime
    #: what every chat was shown, oldest first: rows of the outbox
    shown: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    #: rows that were begun and have not come back
    on_the_wire: list[Any] = field(default_factory=list)
    #: what was begun to be sent although its talk had changed hands, or by the bot while the team had it: never any
    two_voices: list[str] = field(default_factory=list)
    #: chats whose messages stay on the wire until `arrive`
    slow: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    sender: Sender = field(init=False)

    def __post_init__(self) -> None:
        self.sender = Sender(self.house, Carrier(self.house, {}))

    @property
    def office(self) -> Office:
        return Office(library=self.house.shelf.library, hours=HOURS, team_chat="")

    # --- the loops ---

    def run(self) -> None:
        """Everything that is due now, until nothing is left."""
        for _ in range(100):
            with self.house.store.engine.begin() as connection:
                fired = timers.fire(connection, self.now)
                done = turns.take(connection, self.office, self.now).events
                results, self.sender.results = self.sender.results, []
                rows, _ = self.sender._round(connection, results, self.now, 100)
                self.two_voices += [row["body"]["text"] for row in rows if _is_out_of_turn(connection, row)]
            for row in rows:
                self.on_the_wire.append(row)
                if row["chat"] not in self.slow:
                    self.arrive(row)
            if not (fired or done or rows or self.sender.results):
                return
        raise AssertionError("it never comes to rest")

    def arrive(self, row: Any) -> None:
        self.on_the_wire.remove(row)
        self.shown[row["chat"]].append(row)
        done = Result(row=row["id"], owner=row["owner"], status=Status.SENT, next_at=self.now, sent_at=self.now,
                      remote_id=f"m{row['id']}")  # fmt: skip
        self.sender.results.append(done)

    def fails(self, row: Any) -> None:
        """It comes back and is to be tried again."""
        self.on_the_wire.remove(row)
        again = self.now + timedelta(seconds=1)
        refused = Result(row=row["id"], owner=row["owner"], status=Status.QUEUED, next_at=again, error="429")
        self.sender.results.append(refused)

    def later(self, **by: float) -> None:
        """Time passes as it does, every due moment in its order."""
        end = self.now + timedelta(**by)
        while True:
            with self.house.store.engine.connect() as connection:
                due = connection.exec_driver_sql("SELECT MIN(due_at) FROM timer").scalar()
            moment = datetime.fromtimestamp(due / 1e6, self.now.tzinfo) if due is not None else end
            if moment > end:
                break
            self.now = max(self.now, moment)
            self.run()
            if moment == end:
                break
        self.now = end
        self.run()

    # --- people ---

    def says(self, chat: int, text: str = "", *, choice: str | None = None, reply_to: str | None = None) -> None:
        number = str(next(self.numbers))
        said = Inbound(channel="telegram", chat=str(chat), message_id=number, sent_at=self.now, text=text,
                       choice=choice, reply_to=reply_to, sender=str(chat), sender_name=f"Bác {chat}")  # fmt: skip
        with self.house.store.engine.begin() as connection:
            inbox.put(connection, [inbox.from_channel(said, f"message:{number}")], self.now)
        self.run()

    def press(self, chat: int, label: str) -> None:
        """The newest button of this label in a chat."""
        for row in reversed(self.shown[str(chat)]):
            for place, choice in enumerate(row["body"].get("choices", []), 1):
                if choice["label"] == label:
                    native = choice["id"] if row["body"].get("native") else f"{row['body'].get('menu', 0)}.{place}"
                    self.says(chat, choice=native)
                    return
        raise LookupError(f"no button {label!r} in chat {chat}: {self.texts(chat)}")

    def hands_off(self, chat: int, problem: str = "máy báo lỗi", place: str = "khu phố 3 phường Phú Lợi") -> int:
        self.says(chat, "gặp người")
        self.press(chat, "Đồng ý")
        self.says(chat, place)
        self.press(chat, "Đúng rồi")
        self.says(chat, problem)
        return int(self.rows(sa.select(CASE.c.id).order_by(CASE.c.id.desc()).limit(1))[0]["id"])

    # --- what there is ---

    def act(self, work: Any) -> Any:
        """What the console does, and what follows from it."""
        with self.house.store.engine.begin() as connection:
            done = work(connection)
        self.run()
        return done

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        with self.house.store.engine.connect() as connection:
            return list(connection.execute(query).mappings())

    def case(self, case_id: int) -> Any:
        return self.rows(sa.select(CASE).where(CASE.c.id == case_id))[0]

    def offers(self, case_id: int) -> list[tuple[int, str]]:
        """Who was asked, and what they said, in order."""
        query = sa.select(OFFER.c.member_id, OFFER.c.answer).where(OFFER.c.case_id == case_id).order_by(OFFER.c.id)
        return [(row["member_id"], row["answer"]) for row in self.rows(query)]

    def kinds(self, case_id: int) -> list[str]:
        """What the log says of it, in its order."""
        query = sa.select(LOG.c.kind).where(LOG.c.case_id == case_id).order_by(LOG.c.id)
        return [row["kind"] for row in self.rows(query)]

    def load(self, member_id: int) -> int:
        return int(self.rows(sa.select(MEMBER.c.open_cases).where(MEMBER.c.id == member_id))[0]["open_cases"])

    def talk(self, chat: int) -> Any:
        return self.rows(sa.select(CONVERSATION).where(CONVERSATION.c.key == f"telegram:{chat}"))[0]

    def texts(self, chat: int) -> list[str]:
        return [row["body"].get("text", "") for row in self.shown[str(chat)]]

    def last(self, chat: int) -> str:
        return self.texts(chat)[-1]

    def killed(self) -> None:
        """The process ends with messages on the wire; the next one finds them of unknown fate."""
        self.on_the_wire.clear()
        self.sender = Sender(self.house, Carrier(self.house, {}))
        lost = OUTBOX.update().where(OUTBOX.c.status == int(Status.SENDING))
        with self.house.store.engine.begin() as connection:
            connection.execute(lost.values(status=int(Status.QUEUED), next_at=self.now, error=UNKNOWN_FATE))


def _is_out_of_turn(connection: sa.Connection, row: Any) -> bool:
    """In the transaction that marks the row as sending."""
    if row["conversation"] != f"{row['channel']}:{row['chat']}" or row["body"].get("native"):
        return False  # to a member
    query = sa.select(CONVERSATION.c.epoch, CONVERSATION.c.state).where(CONVERSATION.c.key == row["conversation"])
    talk = connection.execute(query).one()
    is_old = row["epoch"] is not None and row["epoch"] < talk.epoch
    return is_old or (talk.state.get("held_by") == "team" and not row["body"].get("notice"))


@contextmanager
def opened(folder: Path, database_url: str, *, at: datetime = DAY, people: Sequence[Person] = TOWN) -> Iterator[Room]:
    """On a database that may already be in use: then it is the same service after a restart."""
    settings = Settings(
        _env_file=None, database_url=database_url, media_folder=str(folder / "media"), telegram_token="1:none",
        secret_key="một chìa khoá chỉ để thử",
    )  # fmt: skip
    with shared_content():
        lay_out(settings)
        house = build(settings, lambda: at)
        try:
            with house.store.engine.begin() as connection:
                enter(connection, people, at)
                timers.keep(connection, HOURS, at)
            yield Room(house, at)
        finally:
            house.store.stop()
