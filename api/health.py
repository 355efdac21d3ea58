"""Three questions of an operator's machine: is the process alive, is all well, may requests be sent here?

`/health/live` is for whoever restarts a process, `/health/ready` for whoever is woken at night. `/health/serving` is
for the proxy: like ready, but a backlog is no reason to turn residents away, for their words are stored all the same.
"""

import asyncio
import shutil
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api import standing
from api.house import House
from api.standing import Standing
from api.store import StoreBusy
from api.tables import Pause

#: what waits longer means that the loops do not keep up
LATE_S = 30.0
#: a database that takes longer is away
ANSWER_S = 3.0
#: with less free space the next burst may fill the disk
LEAST_FREE_BYTES = 200 * 1024 * 1024

_pause = Pause.__table__


def router(house: House) -> APIRouter:
    routes = APIRouter(prefix="/health")

    @routes.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/ready")
    async def ready() -> JSONResponse:
        """200 when the database answers and can be written, every loop runs and nothing waits long; else 503 and what
        is wrong."""
        wrong, now = await _look(house)
        if now:
            wrong |= _late(now)
        warnings = {**house.worries, **({"content": house.shelf.worry} if house.shelf.worry else {})}
        lag_s = {"inbox": now.event_lag_s, "outbox": now.message_lag_s, "timers": now.timer_lag_s} if now else {}
        return _answer(wrong, warnings=warnings, lag_s={name: round(lag, 1) for name, lag in lag_s.items()})

    @routes.get("/serving")
    async def serving() -> JSONResponse:
        wrong, _ = await _look(house)
        return _answer(wrong)

    return routes


def _answer(wrong: dict[str, str], **more: Any) -> JSONResponse:
    body = {"status": "not ready" if wrong else "ok", "wrong": wrong, **more}
    return JSONResponse(body, status_code=503 if wrong else 200)


def loops(house: House) -> dict[str, bool]:
    """Whether each loop runs that must, by name."""
    # With a webhook nothing is left to do for Telegram's own loop once it is registered; doors are opened once.
    may_end = {"doors"} | ({"telegram"} if house.settings.public_url else set())
    return {name: not task.done() for name, task in house.loops.items() if name not in may_end}


async def _look(house: House) -> tuple[dict[str, str], Standing | None]:
    """What of this process is broken, and how the way stands when the database could be asked."""
    wrong = {name: "đã dừng" for name, runs in loops(house).items() if not runs}
    if shutil.disk_usage(house.settings.data_folder).free < LEAST_FREE_BYTES:
        wrong["disk"] = f"less than {LEAST_FREE_BYTES // 1024**2} MB free in {house.settings.data_folder}"
    try:
        async with asyncio.timeout(ANSWER_S):
            now = await house.store.read(lambda c: standing.way(c, house.now()))
            await house.store.write(_written)
    except TimeoutError:
        wrong["database"] = f"no answer within {ANSWER_S:.0f} s"
    except (sa.exc.SQLAlchemyError, StoreBusy) as error:
        wrong["database"] = type(error).__name__
    else:
        return wrong, now
    return wrong, None


def _written(connection: sa.Connection) -> None:
    """A row is written and taken away: on a full disk a transaction that only reads succeeds."""
    place = {"place": f"health:{uuid4().hex}"}
    connection.execute(_pause.insert(), {**place, "until": datetime.now(UTC)})
    connection.execute(_pause.delete().where(_pause.c.place == sa.bindparam("place")), place)


def _late(now: Standing) -> dict[str, str]:
    lags = {"inbox": ("event", now.event_lag_s), "outbox": ("message", now.message_lag_s),
            "timers": ("timer", now.timer_lag_s)}  # fmt: skip
    return {name: f"oldest {what} has waited {lag:.0f} s" for name, (what, lag) in lags.items() if lag > LATE_S}
