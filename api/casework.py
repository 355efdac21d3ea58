"""What the team does about a case beside talking: notes, words kept ready, a step shown again, colleagues, visits.

Like api.desk, everything here runs inside a transaction that the caller holds, and the caller has asked who may do it.
Notes never reach a resident. Texts come in masked.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
import yaml

from api import cases, desk, directory, inbox, phones
from api.inbox import Arrival
from api.outbox import Pen
from api.outbox import insert as put_out
from api.prepared import Row
from api.tables import CannedReply, Case, Colleague, Inbox, Member, Offer, TeamNote, Visit
from bot.flow import Go, Waiting
from bot.library import Library
from bot.model import HandedBack, StepShown
from bot.said import VIETNAM

MOST_COLLEAGUES = 5
MOST_OWN_REPLIES = 40
#: how a visit ended
Result = Literal["done", "missed"]

_case = Case.__table__
_note = TeamNote.__table__
_canned = CannedReply.__table__
_colleague = Colleague.__table__
_visit = Visit.__table__
_member = Member.__table__
_inbox = Inbox.__table__
_offer = Offer.__table__


# --- among the team --------------------------------------------------------------------------------------------------


def write_note(connection: sa.Connection, case_id: int, member_id: int, text: str, now: datetime) -> None:
    note = {"case_id": case_id, "member_id": member_id, "text": text, "written_at": now}
    connection.execute(_note.insert(), note)
    cases.write_log(connection, now, "note_written", case_id=case_id, member_id=member_id)


def ask_colleague(connection: sa.Connection, case_id: int, by: int, colleague: int, now: datetime) -> bool:
    """Let another member read along. False when they hold it themselves, or too many do already; twice is once."""
    case = cases.find(connection, case_id)
    if case is None or case["closed_at"] is not None or colleague == case["holder_id"]:
        return False
    asked = colleagues(connection, case_id)
    if colleague in asked:
        return True
    if len(asked) >= MOST_COLLEAGUES:
        return False
    row = {"case_id": case_id, "member_id": colleague, "asked_by": by, "asked_at": now}
    connection.execute(_colleague.insert(), row)
    cases.write_log(connection, now, "colleague_asked", case_id=case_id, member_id=by, detail=str(colleague))
    name = connection.execute(sa.select(_member.c.called).where(_member.c.id == by)).scalar_one()
    text = f"{name} nhờ bạn xem giúp hồ sơ #{case_id}. Mở bàn làm việc, mục “Nhờ mình xem”, để đọc và ghi chú."
    tell_member(connection, colleague, case, text, f"colleague:{case_id}:{colleague}", now)
    return True


def let_colleague_go(connection: sa.Connection, case_id: int, by: int, colleague: int, now: datetime) -> None:
    mine = (_colleague.c.case_id == case_id, _colleague.c.member_id == colleague)
    if connection.execute(_colleague.delete().where(*mine)).rowcount:
        cases.write_log(connection, now, "colleague_left", case_id=case_id, member_id=by, detail=str(colleague))


def colleagues(connection: sa.Connection, case_id: int) -> tuple[int, ...]:
    """Who was asked to look at a case, the first asked first."""
    query = sa.select(_colleague.c.member_id).where(_colleague.c.case_id == case_id).order_by(_colleague.c.asked_at)
    return tuple(connection.execute(query).scalars())


def tell_member(
    connection: sa.Connection, member_id: int, case: Row, text: str, provider_id: str, now: datetime
) -> None:
    """A few words into a member's own chat, where they have linked one. Tell the outbox's loop afterwards."""
    open_chat = (_member.c.id == member_id, _member.c.telegram_open)
    chat = connection.execute(sa.select(_member.c.telegram_chat).where(*open_chat)).scalar()
    if not chat:
        return
    conversation = f"desk:telegram:{chat}"
    arrival = Arrival(channel="telegram", chat=chat, provider_id=f"{provider_id}:{now.timestamp()}",
                      conversation=conversation, body={"kind": "MemberTold"})  # fmt: skip
    pen = Pen(inbox.put_done(connection, arrival, now), case["conversation"], now)
    pen.member(chat, text, case_id=case["id"])
    put_out(connection, pen.rows)


# --- words kept ready ------------------------------------------------------------------------------------------------


def seed_canned(connection: sa.Connection) -> int:
    """Put the shipped replies into a table that has none of everybody's. Returns how many."""
    if connection.execute(sa.select(_canned.c.id).where(_canned.c.owner_id.is_(None)).limit(1)).first() is not None:
        return 0
    shipped = _read_canned(Path(__file__).parent / "canned.yaml")
    connection.execute(_canned.insert(), [{"owner_id": None, **one} for one in shipped])
    return len(shipped)


def _read_canned(path: Path) -> list[dict[str, str]]:
    read: list[dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [{"topic": one.get("topic", ""), "title": one["title"], "text": one["text"].strip()} for one in read]


def keep_reply(connection: sa.Connection, owner: int, topic: str, title: str, text: str) -> bool:
    """One more reply of a member's own. False when they have too many."""
    own = sa.select(sa.func.count()).select_from(_canned).where(_canned.c.owner_id == owner)
    if connection.execute(own).scalar_one() >= MOST_OWN_REPLIES:
        return False
    connection.execute(_canned.insert(), {"owner_id": owner, "topic": topic, "title": title, "text": text})
    return True


def drop_reply(connection: sa.Connection, owner: int, reply_id: int) -> None:
    """Only one's own."""
    connection.execute(_canned.delete().where(_canned.c.id == reply_id, _canned.c.owner_id == owner))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The placeholders of a kept reply."""
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    return text


# --- between the team and the bot ------------------------------------------------------------------------------------


def show_step(
    connection: sa.Connection, library: Library, case_id: int, member_id: int, flow: str, step: str, now: datetime
) -> bool:
    """Let the resident read a step again. False when the member does not hold the case, or the step has no words."""
    case = _held(connection, case_id, member_id)
    found = library.flows[flow].steps.get(step) if flow in library.flows else None
    if case is None or found is None or isinstance(found, Go) or not found.text:
        return False
    _tell(connection, case, StepShown(case=case_id, flow=flow, step=step), f"shown:{flow}:{step}", now)
    cases.write_log(connection, now, "step_shown", case_id=case_id, member_id=member_id, flow=flow, step=step,
                   conversation=case["conversation"])  # fmt: skip
    return True


def hand_back(
    connection: sa.Connection, library: Library, case_id: int, member_id: int, flow: str, step: str, now: datetime
) -> bool:
    """The bot goes on at this step, and the case ends. False when the member does not hold it, or nothing is asked
    of the resident at that step."""
    case = _held(connection, case_id, member_id)
    found = library.flows[flow].steps.get(step) if flow in library.flows else None
    if case is None or not isinstance(found, Waiting):
        return False
    if not desk.end(connection, case_id, member_id, "handed_back", "", now):
        return False
    cases.write_log(connection, now, "handed_back", case_id=case_id, member_id=member_id, flow=flow, step=step,
                   conversation=case["conversation"])  # fmt: skip
    _tell(connection, case, HandedBack(case=case_id, flow=flow, step=step), "handed_back", now)
    return True


def _tell(connection: sa.Connection, case: Row, event: StepShown | HandedBack, mark: str, now: datetime) -> None:
    arrival = inbox.from_inside(case["conversation"], event, f"{mark}:{case['id']}:{now.timestamp()}")
    inbox.put(connection, (arrival,), now)


def _held(connection: sa.Connection, case_id: int, member_id: int) -> Row | None:
    """Locked."""
    case = cases.locked(connection, case_id)
    return case if case is not None and case["closed_at"] is None and case["holder_id"] == member_id else None


# --- to somebody else ------------------------------------------------------------------------------------------------


def move(connection: sa.Connection, case_id: int, by: int, member_id: int, reason: str, now: datetime) -> bool:
    """A lead gives a case to a member outright, on duty or not. False when it is closed, their hands are full, or they
    are on leave."""
    case = cases.locked(connection, case_id)
    row = cases.member_of(connection, member_id)
    if case is None or case["closed_at"] is not None or row["open_cases"] >= row["capacity"]:
        return False
    if case["holder_id"] == member_id:
        return True
    if directory.away_until(connection, member_id, now.astimezone(VIETNAM).date()):
        return False
    desk.pass_on(connection, case_id, by, reason, now, member=member_id)
    if not desk.take(connection, case_id, member_id, now):
        return False  # somebody filled their hands meanwhile; the ladder has it
    # So that they are woken as by an offer, and so that it can be told apart from one.
    moved = {
        "case_id": case_id, "member_id": member_id, "rung": "named", "reason": reason, "offered_at": now,
        "expires_at": now, "answered_at": now, "answer": "moved",
    }  # fmt: skip
    connection.execute(_offer.insert(), moved)
    text = f"Hồ sơ #{case_id} được trưởng nhóm giao cho bạn. Trả lời vào tin này, bà con nhận được."
    tell_member(connection, member_id, case, text, f"moved:{case_id}:{member_id}", now)
    return True


# --- visits ----------------------------------------------------------------------------------------------------------


def ask_visit(connection: sa.Connection, case: Row, day: str, place: str, by: int, now: datetime) -> None:
    """Into the door-to-door list of the resident's hamlet; one open visit a case: a new day replaces the old one."""
    connection.execute(_visit.delete().where(_visit.c.case_id == case["id"], _visit.c.done_at.is_(None)))
    visit = {
        "case_id": case["id"], "day": day, "province": case["province"], "commune": case["commune"],
        "hamlet": case["hamlet"], "place": place, "asked_by": by, "asked_at": now, "result": "",
    }  # fmt: skip
    connection.execute(_visit.insert(), visit)
    cases.write_log(connection, now, "visit_asked", case_id=case["id"], member_id=by, detail=day)


def end_visit(connection: sa.Connection, visit_id: int, by: int, result: Result, now: datetime) -> bool:
    """False when it has ended already."""
    ended = connection.execute(
        _visit.update()
        .where(_visit.c.id == visit_id, _visit.c.done_at.is_(None))
        .values(done_at=now, done_by=by, result=result)
        .returning(_visit.c.case_id)
    ).scalar_one_or_none()
    if ended is not None:
        cases.write_log(connection, now, "visit_ended", case_id=ended, member_id=by, detail=result)
    return ended is not None


# --- the phone number ------------------------------------------------------------------------------------------------


def phone_of(connection: sa.Connection, library: Library, case: Row) -> str:
    """The number that the resident gave, in the case or as their own contact card; "" when they gave none."""
    given = [str(case["answers"][key]) for key in sorted(phones.keys(library)) if case["answers"].get(key)]
    if given:
        return given[0]
    channel, _, chat = case["conversation"].partition(":")
    query = sa.select(_inbox.c.body).where(_inbox.c.channel == channel, _inbox.c.chat == chat)
    for body in connection.execute(query.order_by(_inbox.c.id.desc()).limit(200)).scalars():
        contact = body.get("contact") or {}
        if contact.get("own") and contact.get("phone"):
            return str(contact["phone"])
    return ""


# --- erasure ---------------------------------------------------------------------------------------------------------


def forget(connection: sa.Connection, conversation: str) -> None:
    """A resident asked for erasure: what was written about them goes; that a visit was made stays."""
    theirs = sa.select(_case.c.id).where(_case.c.conversation == conversation).scalar_subquery()
    connection.execute(_note.delete().where(_note.c.case_id.in_(theirs)))
    connection.execute(_visit.update().where(_visit.c.case_id.in_(theirs)).values(place="", hamlet=""))
