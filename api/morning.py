"""The day's first word to members and leads: what waits near them, what they owe, one message each.

Sent when the hours begin in which members are asked; who is not on duty, or has nothing waiting, reads nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from api import cases, messenger, moves
from api.cases import Office
from api.outbox import Pen
from api.prepared import Row
from api.tables import Case, Member, Timer
from bot import record
from bot.handoff import Hours
from bot.model import DayStarts
from bot.said import VIETNAM

#: the timer that every installation has once, and the talk in which its event is handled
KEY = "day"
TALK = "desk:day"
#: cases with a button in one message; of the others the number is told
MOST_NAMED = 5

_case = Case.__table__
_member = Member.__table__
_timer = Timer.__table__


def set_clock(connection: sa.Connection, hours: Hours, now: datetime) -> None:
    """The timer of the next day's start, unless it is set."""
    if connection.execute(sa.select(_timer.c.key).where(_timer.c.key == KEY)).first() is None:
        cases.set_timer(connection, KEY, TALK, hours.next_start(now), record.to_json(DayStarts()))


def begin(connection: sa.Connection, office: Office, pen: Pen) -> None:
    """Tell everybody, and set the clock for tomorrow. Found out after the day's end (we were away), it is left out."""
    cases.set_timer(connection, KEY, TALK, office.hours.next_start(pen.now), record.to_json(DayStarts()))
    if not office.hours.open_at(pen.now):
        return
    still_open = sa.select(_case).where(_case.c.closed_at.is_(None))
    # put in order here: asked for the order, SQLite reads every case ever opened, by id
    there = sorted(connection.execute(still_open).mappings(), key=lambda case: case["id"])
    waiting = [case for case in there if case["holder_id"] is None]
    owed = [case for case in there if case["holder_id"] is not None and case["promised_at"] is not None]
    provinces = {case["province"] for case in there}
    people = sa.select(_member).where(
        _member.c.province.in_(provinces), _member.c.telegram_chat != "", _member.c.telegram_open,
        moves.AVAILABLE,
    )  # fmt: skip
    for member in connection.execute(people.order_by(_member.c.id), moves.at(pen.now)).mappings():
        chat = messenger.chat_of(member)
        mine = [case for case in owed if case["holder_id"] == member["id"]]
        if chat and (lines := _lines(connection, office, member, near_to(member, waiting), mine, there)):
            named = near_to(member, waiting)[:MOST_NAMED]
            label = "Nhận" if len(named) == 1 else "Nhận #{}"
            pen.member(chat, "\n".join(lines), tuple((f"take.{one['id']}", label.format(one["id"])) for one in named))


def near_to(member: Row, waiting: Iterable[Row]) -> list[Row]:
    """What a member could take: their hamlet's before their commune's; at the province's desk all of the province."""
    if not member["commune"]:
        return [case for case in waiting if case["province"] == member["province"]]
    here = [case for case in waiting if case["commune"] == member["commune"]]
    return sorted(here, key=lambda case: not member["hamlet"] or case["hamlet"] != member["hamlet"])


def _lines(
    connection: sa.Connection,
    office: Office,
    member: Row,
    waiting: list[Row],
    mine: Sequence[Row],
    cases: Sequence[Row],
) -> list[str]:
    """Empty when there is nothing to tell."""
    lines: list[str] = []
    if waiting:
        lines += [f"Chào buổi sáng! Gần bạn có {len(waiting)} hồ sơ đang chờ người nhận:"]
        lines += [f"- {_about(connection, office, case)}" for case in waiting[:MOST_NAMED]]
    if len(waiting) > MOST_NAMED:
        lines.append(f"và {len(waiting) - MOST_NAMED} hồ sơ nữa ở bàn làm việc.")
    if mine:
        lines.append("Bà con đang chờ bạn trả lời: " + ", ".join(f"#{case['id']}" for case in mine))
    if member["role"] == "lead":
        held = [case for case in near_to(member, cases) if case["holder_id"] is not None]
        late = [case for case in near_to(member, cases) if _is_late(case)]
        if waiting or held:
            numbers = ", ".join(f"#{case['id']}" for case in late)
            lines.append(f"Địa bàn của bạn: {len(waiting)} chờ, {len(held)} đang có người giúp, {len(late)} trễ hẹn"
                         + (f" ({numbers})." if late else "."))  # fmt: skip
    return lines


def _is_late(case: Row) -> bool:
    return bool(case["misses"])


def _about(connection: sa.Connection, office: Office, case: Row) -> str:
    since = case["opened_at"].astimezone(VIETNAM)
    name, where = cases.resident_name(connection, case), cases.place_name(office.library, case)
    return f"Hồ sơ #{case['id']} · {name} · {where} · từ {since:%H:%M %d/%m}"
