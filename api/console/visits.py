"""The door-to-door list: who was promised a visit, by hamlet and day, for the members of that place."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Path
from fastapi.responses import RedirectResponse, Response

from api import cases, casework, words
from api.auth import Member, member_of
from api.console.console import Console
from api.console.pages import NOTICES
from api.tables import Case, Visit
from bot.library import Library

_visit = Visit.__table__
_case = Case.__table__

MOST_VISITS = 200
Me = Annotated[Member, Depends(member_of)]
RowId = Annotated[int, Path(ge=1, lt=2**53)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One door to knock at."""

    id: int
    case_id: int
    name: str
    topic: str
    place: str
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The open visits of one hamlet on one day. `is_late`: that day has passed."""

    hamlet: str
    day: str
    is_late: bool
    calls: tuple[Call, ...]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    house, pages = console.house, console.pages

    @routes.get("/visits")
    async def visits(me: Me, notice: str = "") -> Response:
        now, library = house.now(), house.shelf.library

        def look(connection: sa.Connection) -> tuple[Round, ...]:
            found = tuple(rounds(connection, library, me, words.today(now)))
            if found:
                seen = sum(len(one.calls) for one in found)
                cases.write_log(connection, now, "visits_read", member_id=me.id, detail=str(seen))
            return found

        shown = await house.store.write(look)
        return pages.answer("visits.html", me=me, rounds=shown, notice=NOTICES.get(notice, ""))

    @routes.post("/visits/{visit_id}")
    async def ended(me: Me, visit_id: RowId, result: Annotated[str, Form()] = "") -> Response:
        now = house.now()

        def end(connection: sa.Connection) -> bool:
            row = connection.execute(sa.select(_visit).where(_visit.c.id == visit_id)).mappings().first()
            if row is None or not me.covers(row["province"], row["commune"], row["hamlet"]):
                return False
            return casework.end_visit(connection, visit_id, me.id, "done" if result == "done" else "missed", now)

        notice = "visit_ended" if await console.do(end) else "gone"
        return RedirectResponse(f"/team/visits?notice={notice}", 303)

    return routes


def rounds(connection: sa.Connection, library: Library, member: Member, today: str) -> Iterator[Round]:
    """The open visits of the member's place by hamlet, then day."""
    query = (
        sa.select(_visit, _case.c.conversation, _case.c.topic, _case.c.flow)
        .join(_case, _case.c.id == _visit.c.case_id)
        .where(_visit.c.done_at.is_(None), _visit.c.province == member.province)
        .order_by(_visit.c.commune, _visit.c.hamlet, _visit.c.day, _visit.c.id)
        .limit(MOST_VISITS)
    )
    if member.commune:
        query = query.where(_visit.c.commune == member.commune)
    rows = [
        row
        for row in connection.execute(query).mappings()
        if member.covers(row["province"], row["commune"], row["hamlet"])
    ]
    for (_commune, _hamlet, day), group in groupby(rows, key=lambda row: (row["commune"], row["hamlet"], row["day"])):
        doors = list(group)
        place = cases.place_name(library, doors[0])
        yield Round(
            hamlet=place[:1].upper() + place[1:],
            day=day,
            is_late=day < today,
            calls=tuple(
                Call(
                    id=row["id"], case_id=row["case_id"], place=row["place"], day=day,
                    name=cases.resident_name(connection, {**row, "id": row["case_id"]}),
                    topic=words.topic(library, row["topic"], row["flow"]),
                )
                for row in doors
            ),
        )  # fmt: skip
