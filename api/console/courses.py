"""The members' courses on the console: read, answer, and the certificate; a lead sees who of theirs has passed."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, HTTPException, Path
from fastapi.responses import RedirectResponse, Response

from api import courses
from api.auth import Member, member_of
from api.console import lead_views
from api.console.console import Console
from api.console.pages import NOTICES
from api.tables import Member as MemberTable
from bot.flow import Choose, Flow
from bot.model import Quizzed

Me = Annotated[Member, Depends(member_of)]
CourseId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,80}$")]
Field = Annotated[str, Form()]

_member = MemberTable.__table__


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    house, pages = console.house, console.pages

    def known(course: str) -> Flow:
        flow = house.shelf.library.flows.get(course)
        if flow is None or flow.kind != "course":
            raise HTTPException(404)
        return flow

    @routes.get("/courses")
    async def all_courses(me: Me) -> Response:
        flows = courses.all_of(house.shelf.library)
        mine = await house.store.read(lambda c: courses.progress(c, me.id))
        shown = [(flow, mine.get((flow.id, flow.version))) for flow in flows]
        whose = lead_views.of_place(me, _member) if me.is_lead else (_member.c.id == me.id,)
        passed = await house.store.read(lambda c: courses.passed_by(c, *whose))
        titles = {flow.id: flow.title for flow in flows}
        return pages.answer("courses.html", shown=shown, passed=passed, titles=titles, me=me, now=house.now())

    @routes.get("/courses/{course}")
    async def lesson(me: Me, course: CourseId, wrong: str = "", notice: str = "") -> Response:
        flow = known(course)
        mine = await house.store.read(lambda c: courses.progress(c, me.id))
        row = mine.get((flow.id, flow.version))
        return pages.answer(
            "course.html", flow=flow, row=row, lesson=courses.lesson(flow, row, wrong), wrong=wrong, me=me,
            now=house.now(), notice=NOTICES.get(notice, ""),
        )  # fmt: skip

    @routes.post("/courses/{course}")
    async def answer(me: Me, course: CourseId, question: Field = "", option: Field = "") -> Response:
        flow, now, library = known(course), house.now(), house.shelf.library
        step = flow.steps.get(question)
        if not isinstance(step, Choose) or option not in [one.label for one in step.options]:
            return RedirectResponse(f"/team/courses/{course}", 303)
        right = option == step.right
        said = Quizzed(course=flow.id, version=flow.version, question=step.id, right=right)

        def keep(connection: sa.Connection) -> None:
            courses.answered(connection, library, me.id, said, now)

        await house.store.write(keep)
        return RedirectResponse(f"/team/courses/{course}?{'notice=right' if right else f'wrong={step.id}'}", 303)

    return routes
