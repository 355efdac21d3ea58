"""The page "Nội dung": every flow drawn, where residents get stuck and leave, and what must be checked again soon.

Any member may look: there is nothing of any resident in it.
"""

from datetime import datetime

import sqlalchemy as sa
from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import Response

from api import words
from api.auth import member_of
from api.console import content_views
from api.console.console import Console
from api.console.content_map import laid_out
from api.console.content_views import Count
from api.house import House
from bot.said import VIETNAM


def router(console: Console) -> APIRouter:
    routes = APIRouter(dependencies=[Depends(member_of)])
    house = console.house

    @routes.get("/content")
    async def content() -> Response:
        now, library = house.now(), house.shelf.library
        found, days = await _seen(house, now)
        shelves = {name: library.of_topic(topic) for topic, name in words.topics(library).items()}
        shown = {flow.id for flows in shelves.values() for flow in flows}
        shelves["Việc khác"] = tuple(flow for flow in library.flows.values() if flow.id not in shown)
        by_topic = [
            (name, [(flow, found.get((flow.id, ""), Count())) for flow in flows]) for name, flows in shelves.items()
        ]
        return console.pages.answer(
            "content.html", due=content_views.due_soon(library, now), hard=content_views.hardest(library, found),
            by_topic=[(name, flows) for name, flows in by_topic if flows], articles=len(library.articles),
            today=now.astimezone(VIETNAM).date(), days=days,
        )  # fmt: skip

    @routes.get("/content/{flow_id}")
    async def flow_page(flow_id: str) -> Response:
        now, library = house.now(), house.shelf.library
        flow = library.flows.get(flow_id)
        if flow is None:
            raise HTTPException(404)
        found, days = await _seen(house, now)
        steps = content_views.drawn(library, flow, found)
        return console.pages.answer(
            "content_flow.html", flow=flow, steps=steps, map=laid_out(steps), days=days,
            count=found.get((flow.id, ""), Count()), today=now.astimezone(VIETNAM).date(),
        )  # fmt: skip

    return routes


async def _seen(house: House, now: datetime) -> tuple[content_views.Counts, int]:
    """What is counted, and of how many days."""

    def look(connection: sa.Connection) -> tuple[content_views.Counts, int]:
        days = max(1, content_views.looked_back(connection, now).days)
        return content_views.counts(connection, house.shelf.library, now), days

    return await house.store.read(look)
