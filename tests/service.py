"""The whole service as the street meets it: main.build and create_app under uvicorn on 127.0.0.1, Telegram a fake.

Everything a test does goes over HTTP; what it checks is read from the database or seen at the fake. `async with
started(folder) as service:` begins with six members of one town, a clock that can be moved, and a webhook that is set.
"""

import asyncio
import contextlib
import functools
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch
from uuid import uuid4

import httpx
import sqlalchemy as sa
import structlog
import uvicorn

from api import auth, main, schema, shelf
from api.house import House
from api.main import build, create_app
from api.settings import Settings
from api.store import Store
from api.tables import Case, ConversationRow, Inbox, Log, Member, Offer, Outbox, Team
from bot.library import Folders, Library, OldFlows, Version, load
from tests.cast import HOME
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_rules import Fields

T = TypeVar("T")

#: 10 o'clock on a Saturday morning in Vietnam, and 11 at night
DAY = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
SECRET = "mot-hai-ba-bon-nam-sau"
GROUP = -100777
_TABLES: tuple[Any, ...] = (Case, ConversationRow, Inbox, Log, Member, Offer, Outbox, Team)
CASE, CONVERSATION, INBOX, LOG, MEMBER, OFFER, OUTBOX, TEAM = (table.__table__ for table in _TABLES)

PHU_LOI, THU_DAU_MOT = "25750", "25747"
#: in Phú Lợi: two of khu phố 3, one of the ward; next door; and the desk of the province
LAN, TAM, BAY, SAU, HAN = 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member to be entered; `chat` is their own Telegram chat, 0 for none."""

    id: int
    called: str
    chat: int = 0
    rung: str = "hamlet"
    commune: str = PHU_LOI
    hamlet: str = "khu phố 3"
    capacity: int = 3
    on_duty: bool = True
    #: how long idle: between equals the idlest is asked first
    idle_hours: int = 0


TOWN = (
    Person(id=LAN, called="chị Lan", chat=9001, idle_hours=9),
    Person(id=TAM, called="anh Tâm", chat=9002, idle_hours=8),
    Person(id=BAY, called="chú Bảy", chat=9003, rung="commune", hamlet=""),
    Person(id=SAU, called="cô Sáu", rung="commune", hamlet="", commune=THU_DAU_MOT),
    Person(id=HAN, called="chị Hân", chat=9005, rung="province", hamlet="", commune=""),
)
CHAT = {person.id: person.chat for person in TOWN}


def only(*members: int, **changed: Any) -> tuple[Person, ...]:
    """The town with none but these members."""
    return tuple(replace(person, **changed) for person in TOWN if person.id in members)


class Clock:
    """Runs on like any clock, from a fixed moment, and can be moved on."""

    def __init__(self, start: datetime) -> None:
        self._start, self._begun, self._moved = start, time.monotonic(), timedelta()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._begun) + self._moved

    def move(self, **by: float) -> None:
        self._moved += timedelta(**by)


@dataclass(slots=True, kw_only=True)
class Service:
    house: House
    clock: Clock
    url: str
    telegram: FakeTelegram
    web: httpx.AsyncClient
    opened: list[httpx.AsyncClient] = field(default_factory=list)

    # --- the database ---

    async def rows(self, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> list[Any]:
        return await self.house.store.read(lambda c: list(c.execute(query).mappings()))

    async def write(self, statement: sa.Executable) -> None:
        await self.house.store.write(lambda c: c.execute(statement) and None)

    async def case(self, case_id: int = 0) -> Any:
        """This case, or the newest one."""
        query = sa.select(CASE).order_by(CASE.c.id.desc()).limit(1)
        return (await self.rows(query.where(CASE.c.id == case_id) if case_id else query))[0]

    async def conversation(self, key: str) -> Any:
        return (await self.rows(sa.select(CONVERSATION).where(CONVERSATION.c.key == key)))[0]

    async def kinds(self, **where: Any) -> list[str]:
        """What the log says, in its order."""
        query = sa.select(LOG.c.kind).where(*(LOG.c[name] == value for name, value in where.items()))
        return [row["kind"] for row in await self.rows(query.order_by(LOG.c.id))]

    # --- time ---

    async def until(self, what: Callable[[], Awaitable[T]], within_s: float = 30) -> T:
        """The first true result of `what`."""
        end = time.monotonic() + within_s
        while not (found := await what()):
            assert time.monotonic() < end, f"not within {within_s} s: {what}"
            await asyncio.sleep(0.01)
        return found

    async def quiet(self, within_s: float = 30) -> None:
        """Until every event is done and every message has come to an end."""
        await self.until(self._is_quiet, within_s)

    async def _is_quiet(self) -> bool:
        events = sa.select(INBOX.c.id).where(INBOX.c.done_at.is_(None))
        open_rows = sa.select(OUTBOX.c.id).where(OUTBOX.c.status < 2)
        # One statement: between two, a message could end and cause an event that neither would see.
        return not await self.rows(events.union_all(open_rows))

    async def later(self, **by: float) -> None:
        """Move the clock on, wake the loops, and let them finish what was due."""
        self.clock.move(**by)
        due = sa.text("SELECT 1 FROM timer WHERE due_at <= :now")
        micros = int((self.clock() - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)

        async def fired() -> bool:
            self.house.news.tell(["timers", "turns", "outbox"])
            return not await self.house.store.read(lambda c: c.execute(due, {"now": micros}).first())

        await self.until(fired)
        await self.quiet()

    # --- residents and members ---

    async def says(self, chat: int, *texts: str, **content: Any) -> None:
        """Someone writes on Telegram, and all that follows from it comes to an end."""
        for text in texts or ("",):
            assert await self.telegram.says(chat, text, **content) == 200
            await self.quiet()

    async def press(self, chat: int, label: str, **more: int) -> None:
        assert await self.telegram.press(chat, label, **more) == 200
        await self.quiet()

    def shown(self, chat: int) -> list[str]:
        """The bot's words in a chat, oldest first."""
        return [message.get("text") or message.get("caption", "") for message in self.telegram.sent(chat)]

    def last(self, chat: int) -> str:
        return self.shown(chat)[-1]

    async def hands_off(self, chat: int, problem: str = "máy báo lỗi NFC") -> int:
        """A resident of khu phố 3, Phú Lợi asks for a person on Telegram; the case."""
        await self.says(chat, "gặp người")
        await self.press(chat, "Đồng ý")
        await self.says(chat, "khu phố 3 phường Phú Lợi")
        await self.press(chat, "Đúng rồi")
        await self.says(chat, problem)
        return int((await self.case())["id"])

    def browser(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=self.url, timeout=10)
        self.opened.append(client)
        return client

    async def visitor(self) -> "Visitor":
        """A resident who has opened the web chat."""
        browser = self.browser()
        assert (await browser.get("/")).status_code == 200
        key = "web:" + browser.cookies["gocua_resident"].rsplit(".", 1)[0]
        return Visitor(service=self, browser=browser, key=key)

    async def desk_of(self, member_id: int) -> httpx.AsyncClient:
        """A member's browser, signed in by a link."""
        link = await self.house.store.write(lambda c: auth.make_link(c, member_id, self.house.now(), ""))
        browser = self.browser()
        assert (await browser.get(link)).status_code == 200
        assert (await browser.post(link)).status_code == 303
        return browser


@dataclass(slots=True, kw_only=True)
class Visitor:
    service: Service
    browser: httpx.AsyncClient
    key: str

    async def post(self, **said: Any) -> httpx.Response:
        return await self.browser.post("/chat/say", json={"id": str(uuid4()), **said})

    async def says(self, *texts: str) -> None:
        for text in texts:
            assert (await self.post(text=text)).status_code == 202
            await self.service.quiet()

    async def picks(self, label: str) -> None:
        """The newest choice of this name."""
        found = [
            (payload, text)
            for line in reversed(await self.lines())
            for payload, text in line["choices"]
            if text == label
        ]
        assert found, f"no choice {label!r}"
        assert (await self.post(choice=found[0][0], label=label)).status_code == 202
        await self.service.quiet()

    async def lines(self) -> list[Fields]:
        """What was said to them: each has "text", "choices" and the attachments, oldest first."""
        rows = await self.service.rows(
            sa.select(OUTBOX.c.body).where(OUTBOX.c.conversation == self.key, OUTBOX.c.channel == "web")
            .order_by(OUTBOX.c.id)
        )  # fmt: skip
        return [_line(row["body"]) for row in rows]

    async def last(self) -> str:
        return str((await self.lines())[-1]["text"])

    async def hands_off(self, problem: str = "máy báo lỗi NFC") -> int:
        await self.says("gặp người")
        await self.picks("Đồng ý")
        await self.says("khu phố 3 phường Phú Lợi")
        await self.picks("Đúng rồi")
        await self.says(problem)
        return int((await self.service.case())["id"])


def _line(body: Fields) -> Fields:
    choices = [(f"{body.get('menu', 0)}.{place}", one["label"]) for place, one in enumerate(body.get("choices", ()), 1)]
    return {"text": body.get("text", ""), "choices": choices, "attachments": body.get("attachments", [])}


@contextlib.asynccontextmanager
async def started(
    folder: Path,
    *,
    at: datetime = DAY,
    people: Sequence[Person] = TOWN,
    prepare: Callable[[House], None] = lambda house: None,
    folders: Folders | None = None,
    telegram: FakeTelegram | None = None,
    polling: bool = False,
    group: bool = False,
    awaited: bool = True,
    **given: Any,
) -> AsyncIterator[Service]:
    """The service from its first request to its last. `prepare` runs between build and start; `folders`: content of
    the test's own, which is then watched; without it the shipped content is read once for all tests."""
    # The library's own default draws a picture of every frame of an error: seconds each.
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])
    async with contextlib.AsyncExitStack() as stack:
        fake: Any = telegram or await stack.enter_async_context(FakeTelegram())
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        wanted: dict[str, Any] = {
            "database_url": f"sqlite:///{folder}/gocua.db",
            "media_folder": str(folder / "media"),
            "telegram_token": fake.token,
            "telegram_api": fake.base_url,
            "telegram_team_chat": str(GROUP) if group else "",
            "member_undo_seconds": 0,
            "telegram_secret": "" if polling else SECRET,
            "public_url": "" if polling else url,
        }
        settings = Settings(_env_file=None, **wanted | given)
        clock = Clock(at)
        if folders is None:
            stack.enter_context(shared_content())
        lay_out(settings)
        house = build(settings, clock, folders)
        with house.store.engine.begin() as connection:
            enter(connection, people, clock())
        prepare(house)
        async with _serving(house, listening), httpx.AsyncClient(base_url=url, timeout=10) as web:
            service = Service(house=house, clock=clock, url=url, telegram=fake, web=web)
            await service.until(lambda: _answers(service, awaited))
            yield service
            for browser in service.opened:
                await browser.aclose()


async def _answers(service: Service, awaited: bool) -> bool:
    """The door is open, and Telegram knows where it is (or is asked)."""
    here = service.telegram.webhook.get("url", "").startswith(service.house.settings.public_url or "-")
    known = not awaited or here or bool(service.telegram.called("deleteWebhook"))
    with contextlib.suppress(httpx.TransportError):
        return known and (await service.web.get("/health/live")).status_code == 200
    return False


@contextlib.asynccontextmanager
async def _serving(house: House, listening: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        create_app(house), http=main.protocol(house), log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        house.store.stop()


def lay_out(settings: Settings) -> None:
    """The tables of a new SQLite file, copied: migrating is what tests/api/test_migrations.py is for."""
    file = settings.database_file
    if file is not None and not file.exists():
        file.write_bytes(_migrated())


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Settings(_env_file=None, database_url=f"sqlite:///{folder}/gocua.db"))
        schema.migrate(store.engine)
        store.stop()
        return Path(folder, "gocua.db").read_bytes()


@contextlib.contextmanager
def shared_content() -> Iterator[None]:
    """The shipped content, read once; nobody who edits it meanwhile disturbs a test."""

    def known(folders: Folders, *, home: tuple[str, ...] = (), old: Mapping[Version, str]) -> Library:
        return replace(content(folders, home=home), old=OldFlows(old))

    def never(*_: object, stop_event: threading.Event, **__: object) -> Iterator[None]:
        stop_event.wait()
        yield from ()

    with patch.object(shelf, "load", known), patch.object(main, "watch", never):
        yield


def content(folders: Folders, *, home: tuple[str, ...] = HOME) -> Library:
    """What bot.library.load gives, read once."""
    return _read(folders, home)


@functools.cache
def _read(folders: Folders, home: tuple[str, ...]) -> Library:
    return load(folders, home=home)


def enter(connection: sa.Connection, people: Sequence[Person], now: datetime) -> None:
    """Each member in a team of their own rung, into an empty directory; into one that has members, nothing."""
    if connection.execute(sa.select(MEMBER.c.id).limit(1)).first():
        return
    places = content(Folders()).gazetteer
    teams: dict[tuple[str, str, str], int] = {}
    for person in people:
        at: Fields = {"rung": person.rung, "commune": person.commune, "hamlet": person.hamlet, "province": "79"}
        post = (person.rung, person.commune, person.hamlet)
        if post not in teams:
            name = {"hamlet": f"Tổ công nghệ số {person.hamlet}", "commune": "Bàn hỗ trợ xã, phường"}
            team = Team(name=f"{name.get(person.rung, 'Bàn hỗ trợ tỉnh')} {person.commune}".strip(), **at)
            teams[post] = connection.execute(TEAM.insert().returning(TEAM.c.id), _filled(team)).scalar_one()
        spot = places.commune(person.commune) if person.commune else None
        row = Member(
            id=person.id, name=f"Nguyễn {person.called}", called=person.called, team_id=teams[post], **at,
            lat=spot.lat if spot else 0.0, lon=spot.lon if spot else 0.0, telegram_chat=str(person.chat or ""),
            on_duty=person.on_duty, capacity=person.capacity, idle_since=now - timedelta(hours=person.idle_hours),
        )  # fmt: skip
        connection.execute(MEMBER.insert(), _filled(row))


def _filled(row: Team | Member) -> dict[str, Any]:
    """All its fields with their defaults, but for those that the database fills."""
    return {name: value for name, value in row.model_dump().items() if value is not None}
