"""The lead's pages: what waits and is late in their place, and their people."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response

from api import crew, directory, words
from api.auth import Member, member_of
from api.console import lead_views
from api.console.console import Console
from api.console.pages import NOTICES, day_of
from api.crew import Duty
from api.prepared import Row
from bot.said import VIETNAM

MOST_NAME_LETTERS = 80
_DAYS = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ nhật")


async def lead_of(me: Annotated[Member, Depends(member_of)]) -> Member:
    if not me.is_lead or not me.province:
        raise HTTPException(404)
    return me


Lead = Annotated[Member, Depends(lead_of)]
MemberId = Annotated[int, Path(ge=1, lt=2**31)]
Field = Annotated[str, Form()]


def router(console: Console) -> APIRouter:  # one short function a route
    routes = APIRouter()
    house, pages = console.house, console.pages

    @routes.get("/lead")
    async def board(me: Lead, notice: str = "") -> Response:
        now, library = house.now(), house.shelf.library
        shown = await house.store.read(lambda c: lead_views.board(c, library, me, now))
        crewed = await house.store.read(lambda c: lead_views.crew(c, me, now))
        on_duty = tuple(one for one in crewed if one.on_duty and not one.away_until)
        away = tuple(one for one in crewed if one.away_until)
        return pages.answer(
            "lead.html", board=shown, crew=on_duty, away=away, now=now, notice=NOTICES.get(notice, "")
        )  # fmt: skip

    @routes.get("/people")
    async def people(me: Lead, notice: str = "") -> Response:
        return await _people(console, me, notice)

    @routes.post("/people")
    async def invite(
        request: Request, me: Lead, name: Field = "", called: Field = "", role: Field = "member", team: Field = ""
    ) -> Response:
        now, library = house.now(), house.shelf.library
        base_url = house.settings.public_url or str(request.base_url)
        own_name, own_call = name.strip()[:MOST_NAME_LETTERS], called.strip()[:MOST_NAME_LETTERS]

        def make(connection: sa.Connection) -> str:
            mine = {str(row["id"]): int(row["id"]) for row in lead_views.teams(connection, me)}
            if not own_name or team not in mine or role not in crew.ROLES:
                return ""
            return crew.invite(connection, library, mine[team], own_name, own_call, role, me.id, now, base_url)

        link = await console.do(make)
        return await _people(console, me, "" if link else "empty", link=link, link_name=own_name)

    @routes.get("/people/{member_id}")
    async def person(me: Lead, member_id: MemberId, notice: str = "") -> Response:
        return await _person(console, me, member_id, notice)

    @routes.post("/people/{member_id}")
    async def change(request: Request, me: Lead, member_id: MemberId) -> Response:
        now = house.now()
        form = await request.form()
        given = {name: str(value) for name, value in form.items()}
        skills = sum({directory.skill_bit(str(one)) for one in form.getlist("skill")})
        days = sum({1 << int(str(one)) for one in form.getlist("day") if str(one) in "0123456"})

        def save(connection: sa.Connection) -> bool:
            row = lead_views.person(connection, me, member_id)
            duty = _duty(given, skills, days)
            if row is None or duty is None:
                return False
            # Nobody takes the lead's own key away by a slip of the thumb.
            role = row["role"] if member_id == me.id else duty.role
            crew.change(connection, member_id, replace(duty, role=role), me.id, now)
            return True

        notice = "saved" if await console.do(save) else "choose"
        return RedirectResponse(f"/team/people/{member_id}?notice={notice}", 303)

    @routes.post("/people/{member_id}/leave")
    async def leave(me: Lead, member_id: MemberId, first: Field = "", last: Field = "", end: Field = "") -> Response:
        now = house.now()
        today = now.astimezone(VIETNAM).date()

        def give(connection: sa.Connection) -> str:
            if lead_views.person(connection, me, member_id) is None:
                return "choose"
            if end and (ends := day_of(end)):
                crew.end_leave(connection, member_id, ends, me.id, now)
                return "saved"
            begins, until = day_of(first), day_of(last)
            if begins is None or until is None or until < max(begins, today):
                return "no_day"
            crew.give_leave(connection, member_id, begins, until, me.id, now)
            return "left"

        return RedirectResponse(f"/team/people/{member_id}?notice={await console.do(give)}", 303)

    @routes.post("/people/{member_id}/link")
    async def link(request: Request, me: Lead, member_id: MemberId) -> Response:
        now = house.now()
        base_url = house.settings.public_url or str(request.base_url)

        def make(connection: sa.Connection) -> str:
            row = lead_views.person(connection, me, member_id)
            if row is None or not _may_link(row, me):
                return ""
            return crew.new_link(connection, member_id, me.id, now, base_url)

        return await _person(console, me, member_id, "", link=await console.do(make))

    return routes


async def _people(console: Console, me: Member, notice: str, *, link: str = "", link_name: str = "") -> Response:
    house, now = console.house, console.house.now()
    shown = await house.store.read(lambda c: lead_views.crew(c, me, now))
    teams = await house.store.read(lambda c: lead_views.teams(c, me))
    return console.pages.answer(
        "people.html", crew=shown, teams=teams, roles=crew.ROLES, notice=NOTICES.get(notice, ""), link=link,
        link_name=link_name, my_team=me.team_id,
    )  # fmt: skip


async def _person(console: Console, me: Member, member_id: int, notice: str, *, link: str = "") -> Response:
    house, now = console.house, console.house.now()
    row = await house.store.read(lambda c: lead_views.person(c, me, member_id))
    if row is None:
        raise HTTPException(404)
    leaves = await house.store.read(lambda c: lead_views.leaves(c, member_id, now))
    today = now.astimezone(VIETNAM).date()
    topics = words.topics(house.shelf.library)
    skills = {topic: bool(row["skills"] & directory.skill_bit(topic)) for topic in topics}
    days = [(place, name, bool(row["duty_days"] & (1 << place))) for place, name in enumerate(_DAYS)]
    return console.pages.answer(
        "person.html", person=row, is_me=member_id == me.id,
        may_link=_may_link(row, me), leaves=leaves, skills=skills, topics=topics,
        days=days, roles=crew.ROLES, posts=directory.POSTS, starts=crew.clock_of(row["duty_from_minute"]),
        ends=crew.clock_of(row["duty_to_minute"]), today=today, tomorrow=today + timedelta(days=1), link=link,
        most_capacity=crew.MOST_CAPACITY, notice=NOTICES.get(notice, ""),
    )  # fmt: skip


def _may_link(person: Row, me: Member) -> bool:
    """A link is a way in as that person: a lead makes none for another lead; whoever runs the service does."""
    return bool(person["role"] != "lead" or person["id"] == me.id)


def _duty(given: dict[str, str], skills: int, days: int) -> Duty | None:
    """None when something is missing or makes no sense."""
    starts, ends = crew.minute_of(given.get("from", "")), crew.minute_of(given.get("to", ""))
    capacity = given.get("capacity", "")
    if starts is None or ends is None or not days or not capacity.isdecimal() or len(capacity) > 3:
        return None
    ends = 24 * 60 if ends == 24 * 60 - 1 else ends
    if starts >= ends or not 1 <= int(capacity) <= crew.MOST_CAPACITY or given.get("role") not in crew.ROLES:
        return None
    post = given.get("post", "")
    return Duty(
        role=given["role"], post=post if post in directory.POSTS else "", skills=skills, from_minute=starts,
        to_minute=ends, days=days, capacity=int(capacity),
    )  # fmt: skip
