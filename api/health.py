"""Two questions of an operator's machine: is the process alive, and can it do its work?"""

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.house import House
from api.tables import Inbox

_inbox = Inbox.__table__  # type: ignore[attr-defined]
#: an event that has waited longer means that the loops do not keep up
LATE_S = 30.0


def router(house: House) -> APIRouter:
    routes = APIRouter(prefix="/health")

    @routes.get("/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/ready")
    async def ready() -> JSONResponse:
        """200 when the database answers, every loop runs and no event waits long; else 503 and what is wrong."""
        # With a webhook nothing is left to do for Telegram's own loop once it is registered.
        may_end = {"telegram"} if house.settings.public_url else set()
        wrong: dict[str, Any] = {
            name: "đã dừng" for name, task in house.loops.items() if task.done() and name not in may_end
        }
        try:
            oldest = await house.store.read(
                lambda c: c.execute(sa.select(sa.func.min(_inbox.c.next_at)).where(_inbox.c.done_at.is_(None))).scalar()
            )
        except sa.exc.SQLAlchemyError as error:
            wrong["database"] = type(error).__name__
        else:
            waited_s = (house.now() - oldest).total_seconds() if oldest else 0.0
            if waited_s > LATE_S:
                wrong["inbox"] = f"oldest event has waited {waited_s:.0f} s"
        warnings = {**house.worries, **({"content": house.shelf.worry} if house.shelf.worry else {})}
        body = {"status": "ok" if not wrong else "not ready", "wrong": wrong, "warnings": warnings}
        return JSONResponse(body, status_code=503 if wrong else 200)

    return routes
