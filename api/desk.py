"""Cases in the database: opened, offered, taken, answered, closed. What comes next is bot.handoff's decision.

Everything here runs inside a transaction that the caller holds. What changes a conversation goes into the inbox; what
is a fact about a case goes into the log. Two members can never hold one case, and none can exceed their capacity:
the claim is one conditional UPDATE.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from api import inbox, nearest
from api.outbox import Pen
from api.tables import Case, ConversationRow, Log, Member, Offer, Outbox, Team, Timer
from bot import record
from bot.handoff import Hours, Ladder, Offered, next_offer
from bot.library import Library
from bot.model import (
    Attachment,
    CaseClosed,
    CaseTaken,
    CaseWaits,
    Inbound,
    LadderAgain,
    MemberSaid,
    OfferDeclined,
    OfferExpired,
    OpenCase,
    Outcome,
    Relay,
)
from bot.said import VIETNAM

_case = Case.__table__  # type: ignore[attr-defined]
_offer = Offer.__table__  # type: ignore[attr-defined]
_member = Member.__table__  # type: ignore[attr-defined]
_team = Team.__table__  # type: ignore[attr-defined]
_log = Log.__table__  # type: ignore[attr-defined]
_timer = Timer.__table__  # type: ignore[attr-defined]
_outbox = Outbox.__table__  # type: ignore[attr-defined]
_conversation = ConversationRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the desk must know of its surroundings."""

    library: Library
    hours: Hours
    #: the team's group on Telegram, "" for none
    team_chat: str


# --- what a turn does ------------------------------------------------------------------------------------------------


def open_case(connection: sa.Connection, desk: Desk, pen: Pen, asked: OpenCase) -> None:
    """A new case, or more words to the one that is open; then the first offer."""
    standing = open_of(connection, pen.conversation)
    if standing is not None:
        relay(connection, desk, pen, Relay(text=asked.problem))
        return
    spot = _spot(desk.library, asked.place.commune, asked.place.hamlet) if asked.place else None
    values = {
        "conversation": pen.conversation, "opened_at": pen.now, "topic": asked.topic, "flow": asked.flow,
        "step": asked.step, "problem": asked.problem, "answers": dict(asked.answers),
        "tried": {"signs": list(asked.tried)}, "commune": spot.commune if spot else "",
        "hamlet": spot.hamlet if spot else "", "province": spot.province if spot else _home(desk.library), "ladder": {},
    }  # fmt: skip
    case_id = connection.execute(_case.insert().returning(_case.c.id), values).scalar_one()
    write_log(connection, pen.now, "case_opened", case_id=case_id, conversation=pen.conversation, flow=asked.flow,
              step=asked.step, detail=asked.topic)  # fmt: skip
    case = _get(connection, case_id)
    if desk.team_chat:
        text = "\n".join(summary(connection, desk.library, case))
        pen.member(desk.team_chat, text, ((f"take.{case_id}", "Nhận"),), case_id=case_id, lane=_lane(desk, case_id))
    climb(connection, desk, pen, case)


def climb(connection: sa.Connection, desk: Desk, pen: Pen, case: sa.RowMapping) -> None:
    """The next offer of a case that nobody holds, or its queue. Sets the timer for what follows."""
    ladder = record.read(Ladder, case["ladder"])
    spot = _spot(desk.library, case["commune"], case["hamlet"]) if case["commune"] else None
    found = nearest.candidates(connection, spot, case["province"])
    step = next_offer(ladder, found, pen.now, desk.hours, in_group=bool(desk.team_chat))
    changed: dict[str, Any] = {"ladder": record.to_json(step.ladder)}
    if isinstance(step, Offered):
        offer = {
            "case_id": case["id"], "member_id": step.member, "rung": step.rung, "reason": step.reason,
            "offered_at": pen.now, "expires_at": step.expires_at, "answer": "",
        }  # fmt: skip
        offer_id = connection.execute(_offer.insert().returning(_offer.c.id), offer).scalar_one()
        why = f"{step.rung}: {step.reason}"
        write_log(connection, pen.now, "offered", case_id=case["id"], member_id=step.member, detail=why)
        _set_timer(connection, case, step.expires_at, record.to_json(OfferExpired(offer=offer_id)))
        member = _member_of(connection, step.member)
        if member["telegram_chat"]:
            text = "\n".join(summary(connection, desk.library, case))
            buttons = ((f"take.{case['id']}", "Nhận"), (f"decline.{case['id']}", "Không nhận được"))
            pen.member(member["telegram_chat"], text, buttons, case_id=case["id"])
    else:
        _set_timer(connection, case, step.again_at, record.to_json(LadderAgain(case=case["id"])))
        write_log(connection, pen.now, "queued", case_id=case["id"], conversation=pen.conversation)
        if step.tell:
            changed["promised_at"] = step.promised_at
            _tell(
                connection,
                case,
                CaseWaits(case=case["id"], promised_at=step.promised_at),
                f"waits:{case['id']}",
                pen.now,
            )
    connection.execute(_case.update().where(_case.c.id == case["id"]).values(changed))


def happened(
    connection: sa.Connection, desk: Desk, pen: Pen, event: OfferExpired | OfferDeclined | LadderAgain
) -> None:
    """A timer or a member moved a case on. What is stale does nothing."""
    match event:
        case OfferExpired(offer=offer_id):
            offer = connection.execute(sa.select(_offer).where(_offer.c.id == offer_id)).mappings().first()
            if offer is None or offer["answered_at"] is not None:
                return
            _answer_offers(connection, offer["case_id"], "expired", pen.now, member_id=offer["member_id"])
            write_log(connection, pen.now, "offer_expired", case_id=offer["case_id"], member_id=offer["member_id"])
            case_id = offer["case_id"]
        case OfferDeclined(case=case_id) | LadderAgain(case=case_id):
            pass
    case = find(connection, case_id)
    if case is not None and case["closed_at"] is None and case["holder_id"] is None:
        climb(connection, desk, pen, case)


def relay(connection: sa.Connection, desk: Desk, pen: Pen, said: Relay) -> None:
    """A resident's words to whoever holds their case; while it waits, to the team's group and the console."""
    case = open_of(connection, pen.conversation)
    if case is None:
        return
    who = f"#{case['id']} {resident_name(connection, case)}: {said.text or '(hình)'}"
    holder = _member_of(connection, case["holder_id"]) if case["holder_id"] else None
    if holder is not None and holder["telegram_chat"]:
        pen.member(holder["telegram_chat"], who, attachments=said.attachments, case_id=case["id"])
    elif desk.team_chat:
        pen.member(desk.team_chat, who, attachments=said.attachments, case_id=case["id"], lane=_lane(desk, case["id"]))


def leave(connection: sa.Connection, pen: Pen) -> None:
    """The resident went back to the bot: the case ends, and whoever holds it is told."""
    case = open_of(connection, pen.conversation)
    if case is None:
        return
    holder = _member_of(connection, case["holder_id"]) if case["holder_id"] else None
    _close(connection, case, "resident_left", "", pen.now)
    if holder is not None and holder["telegram_chat"]:
        text = f"#{case['id']} {resident_name(connection, case)} đã quay lại với trợ lý tự động. Hồ sơ khép lại."
        pen.member(holder["telegram_chat"], text, case_id=case["id"])


# --- what members do (from the console, their own chat, or the team's group) -----------------------------------------


def take(connection: sa.Connection, case_id: int, member_id: int, now: datetime) -> bool:
    """Claim a case. False when somebody else has it, it is closed, or the member's hands are full."""
    case = find(connection, case_id)
    if case is None or case["closed_at"] is not None:
        return False
    if case["holder_id"] == member_id:
        return True
    room = connection.execute(
        _member.update()
        .where(_member.c.id == member_id, _member.c.open_cases < _member.c.capacity)
        .values(open_cases=_member.c.open_cases + 1)
    ).rowcount
    if not room:
        return False
    claimed = connection.execute(
        _case.update()
        .where(_case.c.id == case_id, _case.c.holder_id.is_(None), _case.c.closed_at.is_(None))
        .values(holder_id=member_id, taken_at=now)
    ).rowcount
    if not claimed:
        connection.execute(
            _member.update().where(_member.c.id == member_id).values(open_cases=_member.c.open_cases - 1)
        )
        return False
    _answer_offers(connection, case_id, "withdrawn", now, but=member_id)
    _answer_offers(connection, case_id, "taken", now, member_id=member_id)
    connection.execute(_timer.delete().where(_timer.c.key == f"case:{case_id}"))
    write_log(connection, now, "taken", case_id=case_id, member_id=member_id, conversation=case["conversation"])
    called = _called(connection, member_id)
    _tell(connection, case, CaseTaken(case=case_id, member=called), f"taken:{case_id}:{member_id}", now)
    return True


def decline(connection: sa.Connection, case_id: int, member_id: int, now: datetime) -> None:
    """Not this one: the next member is asked at once. Nothing happens without an open offer to this member."""
    if _answer_offers(connection, case_id, "declined", now, member_id=member_id):
        case = _get(connection, case_id)
        write_log(connection, now, "declined", case_id=case_id, member_id=member_id, conversation=case["conversation"])
        _tell(connection, case, OfferDeclined(case=case_id), f"declined:{case_id}:{member_id}:{now.timestamp()}", now)


def say(
    connection: sa.Connection,
    case_id: int,
    member_id: int,
    text: str,
    attachments: tuple[Attachment, ...],
    provider_id: str,
    now: datetime,
) -> bool:
    """A member's words to the resident; `provider_id` makes a repeat harmless. False when they do not hold the case."""
    case = find(connection, case_id)
    if case is None or case["closed_at"] is not None or case["holder_id"] != member_id:
        return False
    first_name = _member_of(connection, member_id)["called"]
    said = MemberSaid(case=case_id, member=first_name[:1].upper() + first_name[1:], text=text, attachments=attachments)
    if not _tell(connection, case, said, f"said:{provider_id}", now):
        return True  # a repeat
    if case["answered_at"] is None:
        connection.execute(_case.update().where(_case.c.id == case_id).values(answered_at=now))
    write_log(connection, now, "member_said", case_id=case_id, member_id=member_id, conversation=case["conversation"])
    return True


def close(
    connection: sa.Connection, case_id: int, member_id: int, outcome: Outcome, visit_on: str, now: datetime
) -> bool:
    """End a case with its outcome. False when this member does not hold it, or it is closed already."""
    case = find(connection, case_id)
    if case is None or case["closed_at"] is not None or case["holder_id"] != member_id:
        return False
    _close(connection, case, outcome, visit_on, now)
    _tell(connection, case, CaseClosed(case=case_id, outcome=outcome, visit_on=visit_on), f"closed:{case_id}", now)
    return True


def set_duty(connection: sa.Connection, member_id: int, on: bool, now: datetime) -> None:
    connection.execute(_member.update().where(_member.c.id == member_id).values(on_duty=on, idle_since=now))
    write_log(connection, now, "duty_on" if on else "duty_off", member_id=member_id)


def enrol(connection: sa.Connection, said: Inbound, desk: Desk, now: datetime) -> int:
    """The member who writes in the team's group. Whoever is in that group answers for the team, so a person not yet in
    the directory is written into it, at the province desk, under the name that Telegram shows."""
    chat = said.sender
    found = connection.execute(sa.select(_member.c.id).where(_member.c.telegram_chat == chat)).scalar()
    if found is not None:
        return int(found)
    province = _home(desk.library)
    name = "Nhóm Telegram của tổ"
    team = connection.execute(sa.select(_team.c.id).where(_team.c.name == name)).scalar()
    if team is None:
        values = {"name": name, "rung": "group", "province": province, "commune": "", "hamlet": ""}
        team = connection.execute(_team.insert().returning(_team.c.id), values).scalar_one()
    person = {
        "name": said.sender_name or "Thành viên", "called": said.sender_name or "người của tổ", "role": "member",
        "team_id": team, "rung": "group", "province": province, "hamlet": "", "commune": "", "lat": 0.0, "lon": 0.0,
        "telegram_chat": chat, "on_duty": True, "open_cases": 0, "capacity": 10_000, "idle_since": now,
    }  # fmt: skip
    return int(connection.execute(_member.insert().returning(_member.c.id), person).scalar_one())


# --- reading ---------------------------------------------------------------------------------------------------------


def find(connection: sa.Connection, case_id: int) -> sa.RowMapping | None:
    return connection.execute(sa.select(_case).where(_case.c.id == case_id)).mappings().first()


def open_of(connection: sa.Connection, conversation: str) -> sa.RowMapping | None:
    """The one open case of a conversation, if there is one."""
    query = sa.select(_case).where(_case.c.conversation == conversation, _case.c.closed_at.is_(None))
    return connection.execute(query).mappings().first()


def held_by(connection: sa.Connection, member_id: int) -> list[sa.RowMapping]:
    """The open cases of a member, oldest first."""
    query = sa.select(_case).where(_case.c.holder_id == member_id, _case.c.closed_at.is_(None)).order_by(_case.c.id)
    return list(connection.execute(query).mappings())


def case_of_message(connection: sa.Connection, channel: str, chat: str, remote_id: str) -> int | None:
    """The case to which a message of ours in a member's chat belongs."""
    query = sa.select(_outbox.c.case_id).where(
        _outbox.c.channel == channel, _outbox.c.chat == chat, _outbox.c.remote_id == remote_id
    )
    found: int | None = connection.execute(query).scalar()
    return found


def summary(connection: sa.Connection, library: Library, case: sa.RowMapping) -> tuple[str, ...]:
    """Five lines: who, where, flow and step, answers given, what was tried; then the resident's own words."""
    flow = library.flows.get(case["flow"])
    doing = f"{flow.title}, bước “{case['step']}”" if flow else "hỏi chuyện chung"
    given = "; ".join(f"{key}: {value}" for key, value in case["answers"].items()) or "chưa có"
    tried = ", ".join(case["tried"].get("signs", ())) or "chưa có"
    opened = case["opened_at"].astimezone(VIETNAM)
    return (
        f"Hồ sơ #{case['id']} · {resident_name(connection, case)} · {opened:%H:%M %d/%m}",
        f"Ở: {place_name(library, case)}",
        f"Đang làm: {doing}",
        f"Đã trả lời: {given}",
        f"Đã thử: {tried}",
        f"Bác nói: {case['problem'] or '(chưa nói)'}",
    )


def place_name(library: Library, case: sa.RowMapping) -> str:
    if not case["commune"]:
        return "chưa rõ"
    try:
        commune = library.gazetteer.full_name(case["commune"])
    except KeyError:  # a code of an older place pack
        commune = f"xã, phường mã {case['commune']}"
    return f"{case['hamlet']}, {commune}" if case["hamlet"] else commune


def resident_name(connection: sa.Connection, case: sa.RowMapping) -> str:
    """What the channel calls them, else "Bác" and the number of their case."""
    query = sa.select(_conversation.c.name).where(_conversation.c.key == case["conversation"])
    return str(connection.execute(query).scalar() or "") or f"Bác số {case['id']}"


def write_log(connection: sa.Connection, now: datetime, kind: str, **facts: Any) -> None:
    row = {"conversation": "", "case_id": None, "member_id": None, "flow": "", "step": "", "detail": "", **facts}
    connection.execute(_log.insert(), {"at": now, "kind": kind, **row})


# --- inside ----------------------------------------------------------------------------------------------------------


def _get(connection: sa.Connection, case_id: int) -> sa.RowMapping:
    return connection.execute(sa.select(_case).where(_case.c.id == case_id)).mappings().one()


def _member_of(connection: sa.Connection, member_id: int) -> sa.RowMapping:
    return connection.execute(sa.select(_member).where(_member.c.id == member_id)).mappings().one()


def _called(connection: sa.Connection, member_id: int) -> str:
    """ "chị Lan, Tổ công nghệ số khu phố 3": how a resident is told who answers."""
    query = sa.select(_member.c.called, _team.c.name).join(_team, _team.c.id == _member.c.team_id)
    row = connection.execute(query.where(_member.c.id == member_id)).one()
    return f"{row.called}, {row.name}"


def _lane(desk: Desk, case_id: int) -> str:
    """In the group each case keeps its own order, so that none waits for another."""
    return f"telegram:{desk.team_chat}#{case_id}"


def _home(library: Library) -> str:
    return library.home[0] if library.home else ""


def _spot(library: Library, commune: str, hamlet: str) -> nearest.Spot:
    at = library.gazetteer.commune(commune)
    return nearest.Spot(commune=commune, hamlet=hamlet, province=at.province_code, lat=at.lat, lon=at.lon)


def _tell(connection: sa.Connection, case: sa.RowMapping, event: Any, provider_id: str, now: datetime) -> bool:
    """False for a repeat."""
    arrival = inbox.from_inside(case["conversation"], event, provider_id)
    return inbox.put(connection, (arrival,), now) > 0


def _set_timer(connection: sa.Connection, case: sa.RowMapping, due_at: datetime, body: dict[str, Any]) -> None:
    set_timer(connection, f"case:{case['id']}", case["conversation"], due_at, body)


def set_timer(connection: sa.Connection, key: str, conversation: str, due_at: datetime, body: dict[str, Any]) -> None:
    """Setting a timer again replaces it."""
    connection.execute(_timer.delete().where(_timer.c.key == key))
    connection.execute(_timer.insert(), {"key": key, "conversation": conversation, "due_at": due_at, "body": body})


def _answer_offers(
    connection: sa.Connection,
    case_id: int,
    answer: str,
    now: datetime,
    *,
    member_id: int | None = None,
    but: int | None = None,
) -> int:
    where = [_offer.c.case_id == case_id, _offer.c.answered_at.is_(None)]
    if member_id is not None:
        where.append(_offer.c.member_id == member_id)
    if but is not None:
        where.append(_offer.c.member_id != but)
    return connection.execute(_offer.update().where(*where).values(answer=answer, answered_at=now)).rowcount


def _close(connection: sa.Connection, case: sa.RowMapping, outcome: Outcome, visit_on: str, now: datetime) -> None:
    connection.execute(
        _case.update().where(_case.c.id == case["id"]).values(closed_at=now, outcome=outcome, visit_on=visit_on)
    )
    _answer_offers(connection, case["id"], "withdrawn", now)
    connection.execute(_timer.delete().where(_timer.c.key == f"case:{case['id']}"))
    if case["holder_id"] is not None:
        connection.execute(
            _member.update()
            .where(_member.c.id == case["holder_id"])
            .values(open_cases=_member.c.open_cases - 1, idle_since=now)
        )
    write_log(connection, now, "closed", case_id=case["id"], member_id=case["holder_id"], detail=outcome,
              conversation=case["conversation"])  # fmt: skip


def forget(connection: sa.Connection, conversation: str) -> None:
    """Take a resident's words out of their cases; that there were cases, where and how they ended, stays."""
    blank = {"problem": "", "answers": {}, "hamlet": ""}
    connection.execute(_case.update().where(_case.c.conversation == conversation).values(blank))
    connection.execute(_conversation.update().where(_conversation.c.key == conversation).values(name=""))
