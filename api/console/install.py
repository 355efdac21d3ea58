"""The console as a page that a phone installs and that can wake its member: manifest, worker, subscriptions."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from api import push
from api.auth import Member, member_of
from api.console.console import Console
from api.console.pages import SAFE, plain, static

Me = Annotated[Member, Depends(member_of)]

_MANIFEST = {
    "id": "/team",
    "name": "Gõ Cửa: bàn làm việc",
    "short_name": "Gõ Cửa",
    "lang": "vi",
    "start_url": "/team",
    "scope": "/team",
    "display": "standalone",
    "background_color": "#f4f1ea",
    "theme_color": "#0b5345",
    "icons": [
        {"src": f"/team/static/icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
        for size in (192, 512)
        for purpose in ("any", "maskable")
    ],
}


class Keys(BaseModel):
    p256dh: str = Field(max_length=200)
    auth: str = Field(max_length=100)


class Subscription(BaseModel):
    """What a browser's PushSubscription.toJSON gives."""

    endpoint: str = Field(max_length=1000)
    keys: Keys


class Endpoint(BaseModel):
    endpoint: str = Field(max_length=1000)


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    house = console.house
    trial = not house.settings.public_url.startswith("https://")

    @routes.get("/manifest.webmanifest")
    async def manifest() -> Response:
        headers = {**SAFE, "Cache-Control": "public, max-age=3600"}
        return JSONResponse(_MANIFEST, headers=headers, media_type="application/manifest+json")

    @routes.get("/worker.js")
    async def worker() -> Response:
        """Outside static/: it may speak for all of /team, and is asked for anew at each visit."""
        answer = static("worker.js")
        answer.headers["Cache-Control"] = "no-cache"
        answer.headers["Service-Worker-Allowed"] = "/team"
        return answer

    @routes.get("/push")
    async def our_key(me: Me) -> Response:  # noqa: ARG001 only for members
        key = push.whole_key(house)
        return plain(push.public_key(key), 200) if key else plain("", 503)

    @routes.post("/push")
    async def begin(me: Me, given: Subscription) -> Response:
        now = house.now()

        def keep(connection: sa.Connection) -> bool:
            try:
                push.subscribe(connection, me.id, given.endpoint, given.keys.p256dh, given.keys.auth, now, trial=trial)
            except push.PushRefused:
                return False
            return True

        return plain("", 204) if await console.do(keep) else plain("Máy này chưa nhận báo được.", 422)

    @routes.post("/push/end")
    async def end(me: Me, given: Endpoint) -> Response:
        await console.do(lambda c: push.unsubscribe(c, me.id, given.endpoint))
        return plain("", 204)

    return routes
