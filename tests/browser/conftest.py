"""A real Chromium on a phone's screen, and the real service behind it on a port of its own."""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from api import inbox, outbox
from api.house import House
from api.main import build, create_app
from api.outbox import Pen
from api.settings import Settings
from api.tables import Inbox
from bot.model import Reply, WaitExpired

_inbox = Inbox.__table__
_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


# Not for the whole session: while Playwright lives, no other test's event loop can run in this thread.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's browser: apt-get install chromium, or say where one is in GOCUA_CHROMIUM."""
    path = os.environ.get("GOCUA_CHROMIUM") or shutil.which("chromium")
    assert path, "no Chromium: apt-get install chromium, or set GOCUA_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def phone(chromium: Browser) -> Iterator[BrowserContext]:
    """One resident's phone: 390 by 740 points, touch, its own cookies. A script error fails the test."""
    context = chromium.new_context(
        viewport={"width": 390, "height": 740}, has_touch=True, is_mobile=True, device_scale_factor=1, locale="vi-VN"
    )  # fmt: skip
    context.set_default_timeout(8000)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    context.close()
    assert errors == []


@pytest.fixture
def phone_page(phone: BrowserContext) -> Page:
    return phone.new_page()


@dataclass(slots=True)
class Served:
    """A running service: where it is, and a way to do things inside it."""

    url: str
    house: House
    loop: asyncio.AbstractEventLoop
    server: uvicorn.Server
    thread: threading.Thread

    def say(self, key: str, reply: Reply) -> None:
        """Put a line into a talk, as a turn would."""
        house, now, mark = self.house, datetime.now(UTC), str(uuid4())

        def work(connection: sa.Connection) -> None:
            inbox.put(connection, [inbox.from_inside(key, WaitExpired(due_at=now), mark)], now)
            row = connection.execute(sa.select(_inbox.c.id).where(_inbox.c.provider_id == mark)).scalar_one()
            connection.execute(_inbox.update().where(_inbox.c.id == row).values(done_at=now))
            pen = Pen(row, key, now)
            pen.reply(reply, 0)
            outbox.insert(connection, pen.rows)

        async def do() -> None:
            await house.store.write(work)
            house.news.tell([key])

        asyncio.run_coroutine_threadsafe(do(), self.loop).result(5)

    def heard(self, key: str) -> list[sa.RowMapping]:
        """What the resident of this talk has sent, as it is stored, in its order."""
        query = sa.select(_inbox).where(_inbox.c.conversation == key).order_by(_inbox.c.id)
        rows = self.house.store.read_now(lambda c: list(c.execute(query).mappings()))
        return [row for row in rows if row["body"]["kind"] == "Inbound"]

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.house.store.stop()  # once more, in the thread that took its lock


def serve(folder: Path, port: int, **given: str) -> Served:
    """The whole service on a database in this folder, as `gocua serve` runs it. Returns once it listens."""
    house = build(Settings(_env_file=None, database_url=f"sqlite:///{folder}/gocua.db", **given))  # type: ignore[arg-type]
    return listen(create_app(house), house, port)


def listen(app: FastAPI, house: House, port: int) -> Served:
    """Run an app in a thread. Returns once it listens."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    assert server.started
    return Served(url=f"http://127.0.0.1:{port}", house=house, loop=loops[0], server=server, thread=thread)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = serve(tmp_path_factory.mktemp("served"), free_port())
    yield running
    running.stop()
