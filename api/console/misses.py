"""What the bot did not understand: the leads of the place read it and say what it was; authors take it home as lines.

Where the resident lives is often not known yet: such words are shown to every lead.
"""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Form, Path
from fastapi.responses import RedirectResponse, Response

from api import cases, words
from api.auth import Member
from api.console.console import Console
from api.console.lead import Lead
from api.console.pages import NOTICES, SAFE
from api.prepared import Row
from api.tables import Miss
from bot.library import Library

MOST_MISSES = 50
#: what an author may say a miss is, beside the topics
_NO_TOPIC = {"out": "Ngoài việc của tổ", "gap-nguoi": "Muốn gặp người"}
#: stands for no known place where a page asks for one
UNKNOWN = "-"

RowId = Annotated[int, Path(ge=1, lt=2**53)]
Field = Annotated[str, Form()]

_miss = Miss.__table__


def router(console: Console) -> APIRouter:  # one short function a route
    routes = APIRouter()
    house = console.house

    @routes.get("/misses")
    async def misses(me: Lead, notice: str = "", at: str = "") -> Response:
        now, library = house.now(), house.shelf.library

        def look(connection: sa.Connection) -> tuple[tuple[Row, ...], dict[str, str]]:
            rows = waiting(connection, me, at)
            cases.write_log(connection, now, "misses_read", member_id=me.id, detail=str(len(rows)))
            return rows, places(connection, library, me)

        shown, there = await house.store.write(look)
        return console.pages.answer(
            "misses.html", misses=shown, places=there, at=at, topics={**words.topics(library), **_NO_TOPIC}, now=now,
            notice=NOTICES.get(notice, ""),
        )  # fmt: skip

    @routes.post("/misses/{miss_id}")
    async def name_miss(me: Lead, miss_id: RowId, topic: Field = "", at: Field = "") -> Response:
        now = house.now()
        if topic and topic not in {**words.topics(house.shelf.library), **_NO_TOPIC}:
            return RedirectResponse("/team/misses?notice=choose", 303)

        def name(connection: sa.Connection) -> None:
            told = {"given_topic": topic, "handled_at": now}  # "" is: nothing to learn from it
            if connection.execute(_miss.update().where(_miss.c.id == miss_id, _seen_by(me)).values(told)).rowcount:
                cases.write_log(connection, now, "miss_named", member_id=me.id, detail=topic)

        await console.do(name)
        back = f"&at={at}" if at.isdigit() or at == UNKNOWN else ""
        return RedirectResponse(f"/team/misses?notice=saved{back}", 303)

    @routes.get("/misses.tsv")
    async def lines(me: Lead, at: str = "") -> Response:
        now = house.now()

        def look(connection: sa.Connection) -> str:
            cases.write_log(connection, now, "misses_exported", member_id=me.id)
            return named_lines(connection, me, at)

        headers = {**SAFE, "Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="misses.tsv"'}
        text = await house.store.write(look)
        return Response(text, headers=headers, media_type="text/tab-separated-values; charset=utf-8")

    return routes


def waiting(connection: sa.Connection, lead: Member, at: str) -> tuple[Row, ...]:
    """Those that nobody has named yet, newest first. `at` is a commune's code, UNKNOWN, or "" for all."""
    query = sa.select(_miss).where(_miss.c.handled_at.is_(None), _seen_by(lead), *_at(at))
    return tuple(connection.execute(query.order_by(_miss.c.id.desc()).limit(MOST_MISSES)).mappings())


def places(connection: sa.Connection, library: Library, lead: Member) -> dict[str, str]:
    """By code the communes of what waits, by name; UNKNOWN comes first."""
    query = sa.select(_miss.c.commune).where(_miss.c.handled_at.is_(None), _miss.c.commune != "", _seen_by(lead))
    names = {code: _name(library, code) for code in connection.scalars(query.distinct())}
    return {UNKNOWN: "Chưa rõ ở đâu", **dict(sorted(names.items(), key=lambda pair: pair[1]))}


def named_lines(connection: sa.Connection, lead: Member, at: str) -> str:
    """Those that were named, as lines "topic<TAB>text" in the order in which they were said."""
    query = sa.select(_miss.c.given_topic, _miss.c.text).where(_miss.c.given_topic != "", _seen_by(lead), *_at(at))
    rows = connection.execute(query.order_by(_miss.c.id))
    return "".join(f"{row.given_topic}\t{' '.join(row.text.split())}\n" for row in rows)


def _seen_by(lead: Member) -> sa.ColumnElement[bool]:
    """Their own place's, and those whose place is not known."""
    own = _miss.c.commune == lead.commune if lead.commune else _miss.c.province == (lead.province or "?")
    return sa.or_(_miss.c.commune == "", own)


def _at(at: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (_miss.c.commune == ("" if at == UNKNOWN else at),) if at else ()


def _name(library: Library, commune: str) -> str:
    try:
        return library.gazetteer.commune(commune).name
    except KeyError:  # a code of an older place pack
        return f"xã, phường mã {commune}"
