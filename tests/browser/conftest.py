"""A real Chromium on a phone's screen, and the real pages and turns behind it on a port of their own."""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

import api
from api import inbox, outbox
from api.chat import routes as chat
from api.house import House
from api.media import MediaStore
from api.news import News
from api.outbox import Pen
from api.settings import Settings
from api.shelf import Shelf
from api.store import Store
from api.tables import ConversationRow, metadata
from api.turns import Turns
from bot.library import Folders
from bot.model import Reply, WaitExpired

_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
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
        viewport={"width": 390, "height": 740}, has_touch=True, is_mobile=True, device_scale_factor=1, locale="vi-VN",
        bypass_csp=False,
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

    def say(self, reply: Reply) -> None:
        """Put a line into the only web talk there is, as a turn would."""
        house, now = self.house, datetime.now(UTC)

        def work(connection: sa.Connection) -> str:
            key: str = connection.execute(sa.select(ConversationRow.__table__.c.key)).scalar_one()  # type: ignore[attr-defined]
            mark = str(uuid4())
            inbox.put(connection, [inbox.from_inside(key, WaitExpired(due_at=now), mark)], now)
            table = inbox.Inbox.__table__  # type: ignore[attr-defined]
            row = connection.execute(sa.select(table.c.id).where(table.c.provider_id == mark)).scalar_one()
            connection.execute(table.update().where(table.c.id == row).values(done_at=now))
            pen = Pen(row, key, now)
            pen.reply(reply, 0)
            outbox.insert(connection, pen.rows)
            return key

        async def do() -> None:
            house.news.tell([await house.store.write(work)])

        asyncio.run_coroutine_threadsafe(do(), self.loop).result(5)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()


def serve(app: FastAPI, house: House, port: int) -> Served:
    """Run an app in a thread, as `gocua run` would. Returns once it listens."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1, ws="none", lifespan="on"
    )
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


def chat_app(folder: Path) -> tuple[FastAPI, House]:
    settings = Settings(_env_file=None, database_url=f"sqlite:///{folder}/gocua.db")  # type: ignore[call-arg]
    store = Store(settings)
    metadata.create_all(store.engine)
    shelf = Shelf(Folders(), settings.home_provinces, tuple)
    house = House(
        settings=settings, store=store, shelf=shelf, news=News(), media=MediaStore(settings.media), channels={},
        now=lambda: datetime.now(UTC), key="khoá của bài thử",
    )  # fmt: skip

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        store.start()
        turns = asyncio.create_task(Turns(house).run())
        yield
        turns.cancel()
        await asyncio.gather(turns, return_exceptions=True)
        store.stop()

    app = FastAPI(lifespan=life)
    app.mount("/static", StaticFiles(directory=Path(api.__file__).parent / "static"))
    app.include_router(chat.router(house))
    return app, house


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    app, house = chat_app(tmp_path)
    running = serve(app, house, free_port())
    yield running
    running.stop()
