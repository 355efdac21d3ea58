"""Builds the house and opens its doors. Read this first.

http_server -> webhooks.Doors -> arriving -> turns.take -> sender, and timers beside them: a loop each, started and
ended here.
"""

import asyncio
import contextlib
import ctypes
import gc
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
import structlog
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from watchfiles import watch

from api import (
    casework,
    demo,
    doors,
    health,
    http_server,
    metrics,
    names,
    neighbours,
    notices,
    push,
    retention,
    schema,
    standing,
    timers,
    unsigned,
    versions,
    voice,
    webhooks,
    zalo_connect,
)
from api.carrier import Carrier
from api.chat import routes as chat
from api.console import routes as console
from api.fetching import Fetching
from api.files import Files
from api.house import House
from api.media import MediaStore
from api.news import News
from api.sender import Sender
from api.settings import Settings
from api.shelf import Shelf
from api.store import Store, in_turn
from api.tables import Team
from api.telegram import NAME as TELEGRAM
from api.telegram import Line
from api.turns import Turns
from api.zalo_keys import NAME as ZALO_OA
from api.zalo_keys import OAUTH, Keyring
from bot.channel import Channel
from bot.channels.messenger import Messenger
from bot.channels.telegram import Telegram
from bot.channels.zalo_bot import ZaloBot
from bot.channels.zalo_oa import ZaloOa
from bot.library import Folders

log = structlog.get_logger()

#: of glibc's malloc.h
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8
#: after a renewal of the content that failed, and not for what stands in it
RENEW_AGAIN_S = 2.0


def utc_now() -> datetime:
    return datetime.now(UTC)


def build(settings: Settings, now: Callable[[], datetime] = utc_now, folders: Folders | None = None) -> House:
    """The house with its database brought up to date, but nothing running yet.

    Raises SettingsError, FlowError, SchemaError or StoreLocked: without good content and a database there is no start.
    """
    if settings.database_file:
        settings.database_file.absolute().parent.mkdir(parents=True, exist_ok=True)
    store = Store(settings)
    store.start()
    try:
        schema.migrate(store.engine)
        shelf = Shelf(
            folders or Folders(), settings.home_provinces, lambda: store.read_now(versions.texts),
            asks_notices=settings.notices,
            speaks=bool(settings.speech_command or settings.speech_url),
        )  # fmt: skip
        house = House(
            settings=settings,
            store=store,
            shelf=shelf,
            news=News(),
            media=MediaStore(settings.media),
            channels=_channels(settings),
            now=now,
            key=settings.signing_key(),
            voice=voice.build(settings),
        )
        with store.engine.begin() as connection:
            in_turn(connection, "first rows")  # what is missing is put in once, whoever starts beside us
            if settings.demo:
                demo.fill(connection, shelf.library.gazetteer, now())
            casework.seed_canned(connection)
            versions.keep(connection, shelf.library.flows.values(), now())
            shelf.know_hamlets(_hamlets(connection))
    except BaseException:
        store.stop()
        raise
    return house


def create_app(house: House) -> FastAPI:
    """The pages, and the loops that start and end with them. The providers' doors stand before them: see `protocol`."""

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        async with running(house):
            yield

    app = FastAPI(title="Gõ Cửa", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.house = house
    app.include_router(zalo_connect.router(house))
    app.include_router(health.router(house))
    app.include_router(metrics.router(house))
    app.include_router(console.router(house))
    app.include_router(chat.router(house))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return app


def protocol(house: House) -> type[asyncio.Protocol]:
    """For uvicorn's `http`: where the providers' doors are."""
    return http_server.protocol(webhooks.Doors(house))


@contextlib.asynccontextmanager
async def running(house: House) -> AsyncIterator[None]:
    """The loops, from first to last. At the end what is on the wire is waited for, what is queued is written."""
    try:
        await _log_standing(house, "started")
        async with _loops(house):
            yield
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            await _log_standing(house, "stopped")
    finally:
        await asyncio.to_thread(house.store.stop)


@contextlib.asynccontextmanager
async def _loops(house: House) -> AsyncIterator[None]:
    bases = _bases(house.settings)
    async with Carrier(house, bases) as carrier, Fetching(bases) as fetching, Sender(house, carrier) as sender:
        house.files = Files(house, fetching)
        await _open_zalo(house, carrier)
        await unsigned.look_again(house)
        house.loops = {
            "turns": asyncio.create_task(Turns(house).run()),
            "sender": asyncio.create_task(sender.run()),
            "timers": asyncio.create_task(timers.run(house)),
            "content": asyncio.create_task(_renew(house)),
            "push": asyncio.create_task(push.run(house)),
            "files": asyncio.create_task(house.files.run()),
            "notices": asyncio.create_task(notices.run(house)),
            "channel log": asyncio.create_task(house.channel_log.run()),
            "retention": asyncio.create_task(retention.run(house)),
        }
        telegram = house.channels.get(TELEGRAM)
        if isinstance(telegram, Telegram):
            house.line = Line(house, carrier, telegram)
            house.loops[TELEGRAM] = asyncio.create_task(house.line.run())
        if not house.settings.database_file:
            house.loops["neighbours"] = asyncio.create_task(neighbours.run(house))
        if house.keyring:
            house.loops["names"] = asyncio.create_task(names.run(house, carrier))
            house.loops["zalo keys"] = asyncio.create_task(house.keyring.run())
        if len(house.channels) > (telegram is not None):
            house.loops["doors"] = asyncio.create_task(doors.open_all(house, carrier))
        try:
            yield
        finally:
            for task in house.loops.values():
                task.cancel()
            await asyncio.gather(*house.loops.values(), return_exceptions=True)


async def _log_standing(house: House, what: str) -> None:
    """What is open: after a crash the messages that were on the wire stand among it."""
    log.info(what, **asdict(await house.store.read(lambda c: standing.way(c, house.now()))))


async def _open_zalo(house: House, carrier: Carrier) -> None:
    """The keys to the Official Accounts, before anything is sent there."""
    if house.settings.zalo_accounts():
        house.keyring = Keyring(house, carrier)
        await house.keyring.begin()


def settle_memory() -> None:
    """What is there now is there to stay: the collector need not walk over the whole library again and again.

    Each such walk would hold up every resident for a sixth of a second. What a message leaves behind has no cycles to
    speak of, so the collector may come less often too. And glibc would keep a heap for each thread, and in each what
    was free: 3 MB of 150 under load. (Gives it back at less than 1 MB: three pages a message go and come again.)
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    with contextlib.suppress(AttributeError):  # not every C library has it
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, 1024 * 1024)


async def _renew(house: House) -> None:
    """Content reloads when its files change; on a mistake the last good library stays."""
    ended = threading.Event()
    # not awatch(): that one brings 7 MB along for a thread of its own
    changes = watch(*house.shelf.watched, step=500, stop_event=ended)
    try:
        while await asyncio.to_thread(next, changes, None):
            while not await _renewed(house):  # noqa: ASYNC110
                await asyncio.sleep(RENEW_AGAIN_S)
    finally:
        ended.set()


async def _renewed(house: House) -> bool:
    """False: the database is away, or the fault is ours; whoever stands on a step must find its text kept."""
    try:
        if await asyncio.to_thread(house.shelf.renew):
            if gc.get_freeze_count():
                settle_memory()
            flows = house.shelf.library.flows.values()
            await house.store.write(lambda c: versions.keep(c, flows, house.now()))
    except Exception:
        log.exception("content_not_renewed")
        return False
    return True


def _channels(settings: Settings) -> dict[str, Channel]:
    """The channels whose settings are there. The web chat is always on and needs no translation."""
    channels: dict[str, Channel] = {}
    if token := settings.telegram_token.get_secret_value():
        channels[TELEGRAM] = Telegram(token, settings.telegram_secret.get_secret_value(), settings.telegram_team_chat)
    if accounts := settings.zalo_accounts():  # its keys come from the database: see zalo_keys.py
        channels[ZALO_OA] = ZaloOa(settings.zalo_oa_app_id, {one.oa: one.webhook_secret for one in accounts}, {})
    if token := settings.zalo_bot_token.get_secret_value():
        channels["zalo_bot"] = ZaloBot(token, settings.zalo_bot_secret.get_secret_value())
    if token := settings.messenger_page_token.get_secret_value():
        app_secret, verify = settings.messenger_app_secret, settings.messenger_verify_token
        channels["messenger"] = Messenger(
            app_secret.get_secret_value(), verify.get_secret_value(), token, settings.messenger_app_id,
            other_pages={one.page: one.token for one in settings.messenger_pages()},
        )  # fmt: skip
    return channels


def _bases(settings: Settings) -> Mapping[str, str]:
    """Where each channel's calls go; without a slash at the end."""
    given = {
        TELEGRAM: settings.telegram_api,
        ZALO_OA: settings.zalo_oa_api,
        OAUTH: settings.zalo_oa_oauth,
        "zalo_bot": settings.zalo_bot_api,
        "messenger": settings.messenger_api,
    }
    return {name: base.rstrip("/") for name, base in given.items()}


def _hamlets(connection: sa.Connection) -> dict[str, tuple[str, ...]]:
    """The hamlets that have a team, by commune, in the order of the directory."""
    team = Team.__table__
    rows = connection.execute(sa.select(team.c.commune, team.c.hamlet).where(team.c.hamlet != "").order_by(team.c.id))
    found: dict[str, tuple[str, ...]] = {}
    for commune, hamlet in rows:
        if hamlet not in found.get(commune, ()):
            found[commune] = (*found.get(commune, ()), hamlet)
    return found
