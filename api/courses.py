"""How far members are with their courses, and who has passed. The same whether they learn in their chat or here.

Everything runs inside the caller's transaction.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from api import cases, inbox
from api.outbox import Pen
from api.prepared import Row
from api.tables import Certificate, Member
from bot.flow import Choose, Flow, Say
from bot.library import Library
from bot.model import CourseOpened, Quizzed

_certificate = Certificate.__table__
_member = Member.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What a member reads next: what is taught since the question before, and the question; `number` from 1."""

    taught: tuple[str, ...]
    question: Choose
    number: int
    of: int


def all_of(library: Library) -> tuple[Flow, ...]:
    return tuple(flow for flow in library.flows.values() if flow.kind == "course")


def questions(flow: Flow) -> tuple[str, ...]:
    return tuple(step.id for step in flow.steps.values() if isinstance(step, Choose))


def open_in_chat(connection: sa.Connection, library: Library, pen: Pen, chat: str, wanted: str) -> None:
    """ "/hoc", or "/hoc 2" where there are several."""
    known = all_of(library)
    place = int(wanted[:4]) if wanted.isdecimal() else len(known) == 1
    if 1 <= place <= len(known):
        event = inbox.from_inside(f"telegram:{chat}", CourseOpened(flow=known[place - 1].id), f"course:{pen.inbox_id}")
        inbox.put(connection, [event], pen.now)
        return
    listed = "\n".join(f"/hoc {number}: {flow.title}" for number, flow in enumerate(known, 1))
    pen.member(chat, listed or "Chưa có khoá học nào.")


def answered(connection: sa.Connection, library: Library, member_id: int, said: Quizzed, now: datetime) -> None:
    """The first answer to a question counts for the score; the last right one makes the certificate."""
    flow = library.flows.get(said.course)
    if flow is None or flow.version != said.version:
        flow = library.old.get((said.course, said.version))
    if flow is None or said.question not in questions(flow):
        return
    whose = (_certificate.c.member_id == member_id, _certificate.c.course == flow.id,
             _certificate.c.version == flow.version)  # fmt: skip
    row = connection.execute(sa.select(_certificate).where(*whose).with_for_update()).mappings().first()
    if row is None:
        blank = {"member_id": member_id, "course": flow.id, "version": flow.version, "first": {}, "solved": {},
                 "score": 0, "questions": len(questions(flow)), "begun_at": now}  # fmt: skip
        connection.execute(_certificate.insert(), blank)
        row = connection.execute(sa.select(_certificate).where(*whose)).mappings().one()
    if row["passed_at"] is not None:
        return
    first = {said.question: said.right, **row["first"]}
    solved = {**row["solved"], said.question: True} if said.right else row["solved"]
    score = sum(first.values())
    passed = set(solved) >= set(questions(flow))
    changed = {"first": first, "solved": solved, "score": score, "passed_at": now if passed else None}
    connection.execute(_certificate.update().where(*whose).values(changed))
    if passed:
        detail = f"{score}/{row['questions']}"
        cases.write_log(connection, now, "course_passed", member_id=member_id, flow=flow.id, detail=detail)


def progress(connection: sa.Connection, member_id: int) -> dict[tuple[str, str], Row]:
    """By course and version."""
    rows = connection.execute(sa.select(_certificate).where(_certificate.c.member_id == member_id)).mappings()
    return {(row["course"], row["version"]): row for row in rows}


def lesson(flow: Flow, row: Row | None, at: str = "") -> Lesson | None:
    """The first question not answered right yet, or the one named by `at`; None when all are."""
    asked = questions(flow)
    solved = row["solved"] if row else {}
    wanted = at if at in asked and at not in solved else next((one for one in asked if one not in solved), None)
    if wanted is None:
        return None
    taught: list[str] = []
    for step in flow.steps.values():
        if isinstance(step, Say):
            taught.append(step.text)
        elif isinstance(step, Choose):
            if step.id == wanted:
                return Lesson(taught=tuple(taught), question=step, number=asked.index(wanted) + 1, of=len(asked))
            taught.clear()
    return None


def passed_by(connection: sa.Connection, *whose: sa.ColumnElement[bool]) -> tuple[Row, ...]:
    """The newest certificate of each of these members in each course, the newest first. Conditions are on member."""
    query = (
        sa.select(_member.c.name, _certificate)
        .join(_member, _member.c.id == _certificate.c.member_id)
        .where(_certificate.c.passed_at.is_not(None), *whose)
        .order_by(_certificate.c.passed_at.desc(), _member.c.id)
    )
    newest: dict[tuple[int, str], Row] = {}
    for row in connection.execute(query).mappings():
        newest.setdefault((row["member_id"], row["course"]), row)
    return tuple(newest.values())
