"""Several real processes of the whole service on one database, to be killed; Telegram is a fake a little way off.

`async with crowd(url, folder) as one:` begins with the town's members. Residents write to whichever process answers,
and like Telegram's server they send an update again until it is taken.
"""

import asyncio
import contextlib
import multiprocessing
import random
import re
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import uvicorn
from aiohttp import web

from api import logs
from api.main import build, create_app
from api.settings import Settings
from api.store import in_turn
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_rules import Fields
from tests.service import CHAT, DAY, INBOX, OFFER, OUTBOX, SECRET, TOWN, enter, shared_content

#: one way from here to Telegram takes up to this
FAR_S = 0.01
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
        config = uvicorn.Config(create_app(house), port=port, log_config=None, timeout_graceful_shutdown=1)
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


@dataclass(slots=True, kw_only=True)
class Crowd:
    telegram: FarTelegram
    engine: sa.Engine
    wanted: dict[str, Any]
    ports: list[int]
    began: float = field(default_factory=time.time)
    running: dict[int, ForkServerProcess] = field(default_factory=dict)

    async def start(self, port: int) -> None:
        self.running[port] = _forks.Process(target=serve, args=(self.wanted, port, self.began), daemon=True)
        await asyncio.to_thread(self.running[port].start)
        async with httpx.AsyncClient() as web:
            for _ in range(600):
                with contextlib.suppress(httpx.TransportError):
                    if (await web.get(f"http://127.0.0.1:{port}/health/live")).status_code == 200:
                        return
                assert self.running[port].is_alive(), "it did not start"
                await asyncio.sleep(0.05)
        raise AssertionError("it does not answer")

    def kill(self, port: int) -> None:
        """As the operating system does when memory runs out: no word of farewell."""
        process = self.running.pop(port)
        process.kill()
        process.join()

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

    async def writes(self, chat: int, until: asyncio.Event) -> int:
        """A resident writes one line after the other. How many they were."""
        number = 0
        while not until.is_set():
            await self.telegram.says(chat, f"lời {chat}.{number}")
            number += 1
            await asyncio.sleep(self.telegram.chance.random() * 0.1)
        return number

    def read(self) -> list[str]:
        """The residents' lines that members were shown, each member's oldest first."""
        texts = [one.get("text", "") for chat in CHAT.values() for one in self.telegram.sent(chat)]
        return [found[1] for text in texts if (found := re.search(r": lời (\d+\.\d+)$", text))]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def crowd(database_url: str, folder: Path, *, processes: int = 2, seed: int = 1) -> AsyncIterator[Crowd]:
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
            "secret_key": "một chìa khoá chỉ để thử",
        }
        engine = sa.create_engine(database_url, poolclass=sa.NullPool)
        one = Crowd(telegram=telegram, engine=engine, wanted=wanted, ports=ports)
        try:
            await asyncio.gather(*(one.start(port) for port in ports))
            telegram.doors = [f"http://127.0.0.1:{port}" for port in ports]
            yield one
        finally:
            for port in list(one.running):
                one.kill(port)
            engine.dispose()
