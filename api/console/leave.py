"""A member's own days off: said here, taken back here; and who finishes what they hold."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from api import cases, crew, directory, messenger
from api.auth import Member, member_of
from api.console import lead_views
from api.console.console import Console
from api.console.pages import NOTICES, day_of
from bot.said import VIETNAM

Me = Annotated[Member, Depends(member_of)]
Field = Annotated[str, Form()]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    house = console.house

    @routes.get("/leave")
    async def page(me: Me, notice: str = "") -> Response:
        now = house.now()
        today = now.astimezone(VIETNAM).date()
        leaves = await house.store.read(lambda c: lead_views.leaves(c, me.id, now))
        is_away = await house.store.read(lambda c: directory.away_until(c, me.id, today)) is not None
        held = await house.store.read(lambda c: _held(c, me.id)) if is_away else ()
        goes_on = any(row["hand_on_at"] and row["first_day"] <= today for row in leaves)
        return console.pages.answer(
            "leave.html", leaves=leaves, held=held, goes_on=goes_on, today=today, notice=NOTICES.get(notice, "")
        )  # fmt: skip

    @routes.post("/leave")
    async def take(me: Me, first: Field = "", last: Field = "") -> Response:
        now = house.now()
        today, begins, ends = now.astimezone(VIETNAM).date(), day_of(first), day_of(last)
        if begins is None or ends is None or not today <= begins <= ends <= begins + crew.MOST_OWN_LEAVE:
            return RedirectResponse("/team/leave?notice=bad_days", 303)
        await console.do(lambda c: crew.take_leave(c, me.id, begins, ends, now))
        return RedirectResponse("/team/leave?notice=away", 303)

    @routes.post("/leave/end")
    async def end(me: Me, first: Field = "") -> Response:
        now = house.now()
        begins = day_of(first)
        if begins is None:
            return RedirectResponse("/team/leave?notice=bad_days", 303)
        await console.do(lambda c: crew.end_leave(c, me.id, begins, me.id, now))
        return RedirectResponse("/team/leave?notice=saved", 303)

    @routes.post("/leave/cases")
    async def held_cases(me: Me, how: Field = "") -> Response:
        now = house.now()
        if how == "keep":
            await console.do(lambda c: crew.keep(c, me.id, now))
            return RedirectResponse("/team/leave?notice=kept_cases", 303)
        await console.do(lambda c: crew.hand_on(c, me.id, now))
        return RedirectResponse("/team/leave?notice=handed_on", 303)

    return routes


def _held(connection: sa.Connection, member_id: int) -> tuple[tuple[int, str], ...]:
    """(case, "#12 Bác Tư, ấp 3")."""
    held = cases.held_by(connection, member_id)
    return tuple((one["id"], messenger.briefly(one, cases.resident_name(connection, one))) for one in held)
