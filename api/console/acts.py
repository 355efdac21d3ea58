"""What a member does on a case's page beside talking: each is one form, one act, and back to the page."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Path
from fastapi.responses import RedirectResponse, Response

from api import cases, casework, desk, words
from api.auth import Member, member_of
from api.console import case_views, views
from api.console.console import Console
from api.console.pages import NOTICES, is_day_to_come
from api.prepared import Row
from bot.said import VIETNAM
from knowledge.secrets import redact

MOST_NOTE_LETTERS = 2000
MOST_PLACE_LETTERS = 200

Me = Annotated[Member, Depends(member_of)]
CaseId = Annotated[int, Path(ge=1, lt=2**53)]
Field = Annotated[str, Form()]
#: who may: whoever reads the talk, its holder, or the holder and the lead of its place
Needs = Literal["reader", "holder", "owner"]
#: does it in the caller's transaction; says which notice to show
Act = Callable[[sa.Connection, Row], str]


def router(console: Console) -> APIRouter:  # one short function a route
    routes = APIRouter(prefix="/case/{case_id}")
    house, pages = console.house, console.pages

    async def act(me: Member, case_id: int, needs: Needs, do: Act) -> Response:
        def work(connection: sa.Connection) -> str:
            case = cases.find(connection, case_id)
            return do(connection, case) if case is not None and may(connection, case, me, needs) else "gone"

        notice = await console.do(work)
        to = "/team" if notice in ("gone", "passed", "handed_back") else f"/team/case/{case_id}"
        return RedirectResponse(f"{to}?notice={notice}", 303)

    @routes.post("/note")
    async def note(me: Me, case_id: CaseId, text: Field = "") -> Response:
        now, said = house.now(), redact(text.strip()[:MOST_NOTE_LETTERS]).text

        def write(connection: sa.Connection, _case: Row) -> str:
            if not said:
                return "empty"
            casework.write_note(connection, case_id, me.id, said, now)
            return "noted"

        return await act(me, case_id, "reader", write)

    @routes.post("/colleague")
    async def colleague(me: Me, case_id: CaseId, member: Annotated[int, Form()] = 0, gone: Field = "") -> Response:
        now = house.now()

        def ask(connection: sa.Connection, _case: Row) -> str:
            if gone:
                casework.let_colleague_go(connection, case_id, me.id, member, now)
                return "let_go"
            if not _is_near(connection, me, member, now):
                return "choose"
            return "asked" if casework.ask_colleague(connection, case_id, me.id, member, now) else "too_many"

        return await act(me, case_id, "owner", ask)

    @routes.post("/phone")
    async def phone(me: Me, case_id: CaseId) -> Response:
        """The number is in this one answer and nowhere else; that it was read is written down first."""
        now, library = house.now(), house.shelf.library

        def show(connection: sa.Connection) -> str:
            case = cases.find(connection, case_id)
            if case is None or not case_views.can_show_phone(case, me):
                return ""
            number = casework.phone_of(connection, library, case)
            if number:
                cases.write_log(connection, now, "phone_shown", case_id=case_id, member_id=me.id)
            return number

        number = await console.do(show)
        return await console.case(me, case_id, phone=number)

    @routes.get("/guide")
    async def guide(me: Me, case_id: CaseId, flow: str = "", notice: str = "") -> Response:
        library = house.shelf.library

        def look(connection: sa.Connection) -> Row | None:
            case = cases.find(connection, case_id)
            return case if case is not None and may(connection, case, me, "holder") else None

        case = await house.store.read(look)
        if case is None:
            return pages.answer("gone.html", 404, holder="", text="")
        shown = flow if flow in library.flows else case["flow"] or next(iter(library.flows))
        flows = tuple((one.id, one.title) for one in library.flows.values())
        return pages.answer(
            "guide.html", case_id=case_id, flows=flows, flow=shown, notice=NOTICES.get(notice, ""),
            steps=case_views.flow_steps(library, shown, case["step"] if shown == case["flow"] else ""),
        )  # fmt: skip

    @routes.post("/step")
    async def step(me: Me, case_id: CaseId, flow: Field = "", step: Field = "", how: Field = "") -> Response:
        now, library = house.now(), house.shelf.library

        def show(connection: sa.Connection, _case: Row) -> str:
            if how == "back":
                done = casework.hand_back(connection, library, case_id, me.id, flow, step, now)
                return "handed_back" if done else "no_step"
            return "shown" if casework.show_step(connection, library, case_id, me.id, flow, step, now) else "no_step"

        return await act(me, case_id, "holder", show)

    @routes.get("/pass")
    async def passing(me: Me, case_id: CaseId, notice: str = "") -> Response:
        def look(connection: sa.Connection) -> case_views.Whom | None:
            case = cases.find(connection, case_id)
            if case is None or not may(connection, case, me, "owner"):
                return None
            return case_views.whom(connection, case, me, house.now())

        shown = await house.store.read(look)
        if shown is None:
            return pages.answer("gone.html", 404, holder="", text="")
        said = NOTICES.get(notice, "")
        return pages.answer("pass.html", case_id=case_id, reasons=words.REASONS, notice=said, whom=shown)

    @routes.post("/pass")
    async def pass_on(
        me: Me,
        case_id: CaseId,
        to: Field = "ladder",
        member: Annotated[int, Form()] = 0,
        team: Annotated[int, Form()] = 0,
        reason: Field = "",
        text: Field = "",
    ) -> Response:
        now, note = house.now(), redact(text.strip()[:MOST_NOTE_LETTERS]).text

        def give(connection: sa.Connection, case: Row) -> str:
            why = reason if reason in words.REASONS else "other"
            to_member, to_team = (member if to == "member" else 0), (team if to == "team" else 0)
            is_known = _is_near(connection, me, to_member, now) or _is_team(connection, me, to_team)
            if to != "ladder" and not is_known:
                return "choose"
            if note:
                casework.write_note(connection, case_id, me.id, note, now)
            # Who holds it asks somebody; a lead who does not hold it decides.
            if to_member and case["holder_id"] != me.id:
                return "passed" if casework.move(connection, case_id, me.id, to_member, why, now) else "full"
            desk.pass_on(connection, case_id, me.id, why, now, member=to_member, team=to_team)
            return "passed"

        return await act(me, case_id, "owner", give)

    @routes.post("/visit")
    async def visit(me: Me, case_id: CaseId, visit_on: Field = "", place: Field = "") -> Response:
        now, where = house.now(), redact(place.strip()[:MOST_PLACE_LETTERS]).text

        def ask(connection: sa.Connection, case: Row) -> str:
            if not is_day_to_come(visit_on, now.astimezone(VIETNAM).date()):
                return "no_day"
            casework.ask_visit(connection, case, visit_on, where, me.id, now)
            return "visit_asked"

        return await act(me, case_id, "holder", ask)

    return routes


def may(connection: sa.Connection, case: Row, me: Member, needs: Needs) -> bool:
    """Of an open case."""
    if case["closed_at"] is not None:
        return False
    if case["holder_id"] == me.id:
        return True
    if needs == "owner":
        return views.leads(me, case)
    return needs == "reader" and views.reach(connection, case, me) == "talk"


def _is_near(connection: sa.Connection, me: Member, member_id: int, now: datetime) -> bool:
    return any(one.id == member_id for one in case_views.people(connection, *case_views.near(me, now)))


def _is_team(connection: sa.Connection, me: Member, team_id: int) -> bool:
    return any(one.id == team_id for one in case_views.teams(connection, me))
