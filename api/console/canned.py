"""Words kept ready: everybody's, and one's own to add and take away."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Path
from fastapi.responses import RedirectResponse, Response

from api import casework, words
from api.auth import Member, member_of
from api.console.console import Console
from api.console.pages import NOTICES
from api.tables import CannedReply
from knowledge.secrets import redact

_canned = CannedReply.__table__

MOST_TITLE_LETTERS = 60
MOST_LETTERS = 1000
Me = Annotated[Member, Depends(member_of)]
Field = Annotated[str, Form()]
RowId = Annotated[int, Path(ge=1, lt=2**31)]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    house, pages = console.house, console.pages

    @routes.get("/canned")
    async def canned(me: Me, notice: str = "") -> Response:
        query = sa.select(_canned).where(sa.or_(_canned.c.owner_id == me.id, _canned.c.owner_id.is_(None)))
        ordered = query.order_by(_canned.c.owner_id.is_(None), _canned.c.topic, _canned.c.id)
        rows = await house.store.read(lambda c: c.execute(ordered).mappings().all())
        topics = words.topics(house.shelf.library)
        return pages.answer("canned.html", me=me, rows=rows, topics=topics, notice=NOTICES.get(notice, ""))

    @routes.post("/canned")
    async def keep(me: Me, title: Field = "", text: Field = "", topic: Field = "") -> Response:
        name, said = title.strip()[:MOST_TITLE_LETTERS], redact(text.strip()[:MOST_LETTERS]).text
        about = topic if topic in words.topics(house.shelf.library) else ""
        if not name or not said:
            return RedirectResponse("/team/canned?notice=empty", 303)
        kept = await console.do(lambda c: casework.keep_reply(c, me.id, about, name, said))
        return RedirectResponse(f"/team/canned?notice={'kept' if kept else 'too_many'}", 303)

    @routes.post("/canned/{reply_id}/drop")
    async def drop(me: Me, reply_id: RowId) -> Response:
        await console.do(lambda c: casework.drop_reply(c, me.id, reply_id))
        return RedirectResponse("/team/canned?notice=dropped", 303)

    return routes
