"""Real processes of the whole service on one database, to be killed; Telegram is a fake a little way off.

`async with crowd(url, folder) as one:` begins with the town's members. Residents write to whichever process answers,
and like Telegram's server they send an update again until it is taken.
"""

import asyncio
import contextlib
import json
import multiprocessing
import random
import re
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import uvicorn
from aiohttp import web

from api import logs
from api.main import build, create_app, protocol
from api.settings import Settings
from api.store import in_turn
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_rules import Fields
from tests.service import CHAT, DAY, INBOX, OFFER, OUTBOX, SECRET, TOWN, enter, shared_content

#: one way from here to Telegram takes up to this
FAR_S = 0.01
RESIDENTS = (2001, 2002, 2003, 2004)
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.preloaded"])


def serve(wanted: dict[str, Any], port: int, began: float) -> None:
    """What a process does from its first moment. Its clock began at DAY when the test did, whenever it was started."""
    log = Path(wanted["media_folder"]).with_name(f"{port}.log")
    with log.open("a", encoding="utf-8") as out, contextlib.redirect_stdout(out), shared_content():
        logs.start()
        house = build(Settings(_env_file=None, **wanted), lambda: DAY + timedelta(seconds=time.time() - began))
        with house.store.engine.begin() as connection:
            in_turn(connection, "town")
            enter(connection, TOWN, DAY)
        app = create_app(house)
        config = uvicorn.Config(app, http=protocol(house), port=port, log_config=None, timeout_graceful_shutdown=1)
        uvicorn.Server(config).run()


class FarTelegram(FakeTelegram):
    """Calls take their time to it and back; updates go to any of the doors, again until one takes them."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.doors: list[str] = []
        #: (when, status) of every answer to an update that was not 200; 0: no answer
        self.refusals: list[tuple[float, int]] = []

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.chance.random() * FAR_S)
        answer = await super()._serve(request)
        await asyncio.sleep(self.chance.random() * FAR_S)
        return answer

    async def _post(self, update: Fields) -> int:
        while True:
            self.webhook["url"] = f"{self.chance.choice(self.doors)}/webhooks/telegram"
            status = await super()._post(update)
            if status == 200:
                return status
            self.refusals.append((time.monotonic(), status))
            await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the lines that residents wrote to those who hold their cases."""

    lines: int
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0


@dataclass(slots=True, kw_only=True)
class Crowd:
    telegram: FarTelegram
    engine: sa.Engine
    wanted: dict[str, Any]
    ports: list[int]
    began: float = field(default_factory=time.time)
    running: dict[int, ForkServerProcess] = field(default_factory=dict)
    #: how many lines each resident has written
    written: Counter[int] = field(default_factory=Counter)

    async def start(self, port: int) -> None:
        self.running[port] = _forks.Process(target=serve, args=(self.wanted, port, self.began), daemon=True)
        await asyncio.to_thread(self.running[port].start)
        async with httpx.AsyncClient() as web:
            for _ in range(600):
                with contextlib.suppress(httpx.TransportError):
                    live = (await web.get(f"http://127.0.0.1:{port}/health/live")).status_code == 200
                    if live and self.telegram.webhook.get("url"):  # which it tells Telegram a moment later
                        return
                assert self.running[port].is_alive(), "it did not start"
                await asyncio.sleep(0.05)
        raise AssertionError("it does not answer")

    def kill(self, port: int) -> None:
        """As the operating system does when memory runs out: no word of farewell."""
        process = self.running.pop(port)
        process.kill()
        process.join()

    async def stop(self, port: int) -> int:
        """As an operator does. What the process ended with."""
        process = self.running.pop(port)
        process.terminate()
        await asyncio.to_thread(process.join, 45)
        assert process.exitcode is not None, "it does not end"
        return process.exitcode

    def logged(self, port: int, event: str) -> list[dict[str, Any]]:
        """What a process said of this, in all its lives."""
        path = Path(self.wanted["media_folder"]).with_name(f"{port}.log")
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    async def rows(self, query: Any) -> list[Any]:
        def read() -> list[Any]:
            with self.engine.connect() as connection:
                return list(connection.execute(query).mappings())

        return await asyncio.to_thread(read)

    async def until(self, query: Any, within_s: float = 60) -> None:
        """Until it finds nothing."""
        end = time.monotonic() + within_s
        while left := await self.rows(query):
            assert time.monotonic() < end, f"not within {within_s} s: {left[:3]}"
            await asyncio.sleep(0.05)

    async def sending(self, within_s: float = 60) -> str:
        """The name under which a message is marked as being sent, once one is."""
        end = time.monotonic() + within_s
        while not (found := await self.rows(sa.select(OUTBOX.c.owner).where(OUTBOX.c.status == 1))):
            assert time.monotonic() < end, f"nothing is sent within {within_s} s"
            await asyncio.sleep(0.05)
        return str(found[0]["owner"])

    async def quiet(self, within_s: float = 60) -> None:
        """Until every event is done and every message has come to an end."""
        events = sa.select(INBOX.c.id, INBOX.c.error).where(INBOX.c.done_at.is_(None))
        unsent = sa.select(OUTBOX.c.id, OUTBOX.c.error).where(OUTBOX.c.status < 2)
        await self.until(events.union_all(unsent), within_s)

    async def hands_off(self, chat: int) -> None:
        """This resident gets a case, and whoever is asked first takes it."""
        telegram = self.telegram
        for said, label in (("gặp người", "Đồng ý"), ("khu phố 3 phường Phú Lợi", "Đúng rồi")):
            await telegram.says(chat, said)
            await self.quiet()
            await telegram.press(chat, label)
            await self.quiet()
        await telegram.says(chat, "máy báo lỗi")
        await self.quiet()
        asked = await self.rows(sa.select(OFFER.c.member_id).order_by(OFFER.c.id.desc()).limit(1))
        await telegram.press(CHAT[asked[0]["member_id"]], "Nhận")
        await self.quiet()

    async def begin(self) -> None:
        """Every resident gets a case."""
        for chat in RESIDENTS:
            await self.hands_off(chat)

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Meanwhile every resident writes one line after the other; at the end their last ones have been taken."""
        over = asyncio.Event()
        writing = [asyncio.create_task(self._writes(chat, over)) for chat in RESIDENTS]
        try:
            yield
        except BaseException:  # what failed may have left nobody who takes their lines
            for one in writing:
                one.cancel()
            raise
        over.set()
        await asyncio.gather(*writing)

    async def _writes(self, chat: int, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.telegram.says(chat, f"lời {chat}.{self.written[chat]}")
            self.written[chat] += 1
            await asyncio.sleep(self.telegram.chance.random() * 0.1)

    def tally(self) -> Tally:
        texts = [one.get("text", "") for chat in CHAT.values() for one in self.telegram.sent(chat)]
        read = [(int(found[1]), int(found[2])) for text in texts if (found := re.search(r": lời (\d+)\.(\d+)$", text))]
        times = Counter(read)
        firsts = [[number for where, number in times if where == chat] for chat in RESIDENTS]
        return Tally(
            lines=self.written.total(),
            lost=self.written.total() - len(times),
            doubled=len(read) - len(times),
            out_of_order=sum(later < earlier for mine in firsts for earlier, later in pairwise(mine)),
        )

    async def ready(self, port: int) -> httpx.Response:
        async with httpx.AsyncClient(timeout=10) as web:
            return await web.get(f"http://127.0.0.1:{port}/health/ready")

    async def metric(self, port: int, name: str) -> float:
        """A figure of this process, all its labels together."""
        async with httpx.AsyncClient(timeout=10) as web:
            told = (await web.get(f"http://127.0.0.1:{port}/metrics")).text
        return sum(float(line.rpartition(" ")[2]) for line in told.splitlines() if re.match(rf"{name}[{{ ]", line))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def crowd(
    database_url: str, folder: Path, *, processes: int = 0, seed: int = 1, seen_at: str = "", **given: Any
) -> AsyncIterator[Crowd]:
    """As many processes as are wanted, else one on SQLite and two on PostgreSQL. `seen_at`: the database's address for
    the test itself, where the service has another; `given`: further settings."""
    processes = processes or (1 if database_url.startswith("sqlite") else 2)
    async with FarTelegram(random.Random(seed)) as telegram:
        ports = [free_port() for _ in range(processes)]
        wanted = {
            "database_url": database_url,
            "media_folder": str(folder / "media"),
            "telegram_token": telegram.token,
            "telegram_api": telegram.base_url,
            "telegram_secret": SECRET,
            "public_url": f"http://127.0.0.1:{ports[0]}",
            "member_undo_seconds": 0,
            "most_a_minute": 0,  # residents here write as fast as they can
            "secret_key": "một chìa khoá chỉ để thử",
        } | given
        seen_at = seen_at or database_url
        # after a kill the log is read back by whoever comes first, and the others wait: long on a busy disk
        patient = {"timeout": 30} if seen_at.startswith("sqlite") else {}
        engine = sa.create_engine(seen_at, poolclass=sa.NullPool, connect_args=patient)
        one = Crowd(telegram=telegram, engine=engine, wanted=wanted, ports=ports)
        try:
            await asyncio.gather(*(one.start(port) for port in ports))
            telegram.doors = [f"http://127.0.0.1:{port}" for port in ports]
            yield one
        finally:
            for port in list(one.running):
                one.kill(port)
            engine.dispose()
