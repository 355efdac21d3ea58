"""What residents and members do with cases: opened, taken, answered, passed on, closed. bot.handoff decides.

Everything here runs inside a transaction that the caller holds, with the case's row locked. What changes a conversation
goes into the inbox; what is a fact about a case goes into the log. Two members can never hold one case, and none can
exceed their capacity: the claim is one conditional UPDATE, and a move whose claim fails has not happened.
"""

from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa

from api import cases, directory, inbox, messenger, moves
from api.outbox import Pen
from api.prepared import Prepared
from api.store import in_turn
from api.tables import Case, ConversationRow, Leave, Log, Member, Offer, Outbox, Team, Timer
from bot import handoff
from bot.handoff import Due, Ladder
from bot.model import (
    Attachment,
    CaseClosed,
    CaseDue,
    Inbound,
    LadderAgain,
    MemberSaid,
    OfferDeclined,
    OfferExpired,
    OpenCase,
    Outcome,
    QueuePlace,
    Relay,
)
from bot.said import which_day

_case = Case.__table__
_offer = Offer.__table__
_member = Member.__table__
_leave = Leave.__table__
_team = Team.__table__
_log = Log.__table__
_timer = Timer.__table__
_outbox = Outbox.__table__
_conversation = ConversationRow.__table__
_OPEN_CASE = Prepared(_case.insert().returning(*_case.c))
_OF_CHAT = Prepared(sa.select(_member.c.id).where(_member.c.telegram_chat == sa.bindparam("chat")))


# --- what a turn does ------------------------------------------------------------------------------------------------


def open_case(connection: sa.Connection, office: cases.Office, pen: Pen, asked: OpenCase) -> None:
    """A new case, the last one again, or more words to the one that is open; then the first offer."""
    if cases.open_of(connection, pen.conversation) is not None:
        relay(connection, office, pen, Relay(text=asked.problem))
        return
    if asked.again and _reopen(connection, office, pen):
        return
    spot = cases.spot(office.library, asked.place.commune, asked.place.hamlet) if asked.place else None
    values = {
        "conversation": pen.conversation, "opened_at": pen.now, "topic": asked.topic, "flow": asked.flow,
        "step": asked.step, "problem": asked.problem, "answers": dict(asked.answers),
        "tried": {"signs": list(asked.tried)}, "commune": spot.commune if spot else "",
        "hamlet": spot.hamlet if spot else "",
        "province": spot.province if spot else cases.home(office.library), "ladder": {}, "again_at": pen.now,
    }  # fmt: skip
    (case,) = _OPEN_CASE.mappings(connection, values)
    cases.write_log(connection, pen.now, "case_opened", case_id=case["id"], conversation=pen.conversation,
                    flow=asked.flow, step=asked.step, detail=asked.topic)  # fmt: skip
    step = moves.Step(connection, case, pen.now, office, pen)
    _show_group(office, pen, step)
    step.go(None)


def _reopen(connection: sa.Connection, office: cases.Office, pen: Pen) -> bool:
    """The resident's last case once more, under its number. False when it is too long ago, or there is none."""
    newest = sa.select(_case.c.id).where(_case.c.conversation == pen.conversation).order_by(_case.c.id.desc()).limit(1)
    case_id = connection.execute(newest).scalar()
    row = cases.locked(connection, case_id) if case_id is not None else None
    if row is None or not handoff.may_reopen(moves.facts(row, None), pen.now):
        return False
    cases.write_log(connection, pen.now, "reopened", case_id=case_id, conversation=pen.conversation)
    step = moves.Step(connection, row, pen.now, office, pen)
    if office.topics:
        _show_group(office, pen, step)
    return step.go(handoff.Reopened(holder_free=True))


def happened(
    connection: sa.Connection,
    office: cases.Office,
    pen: Pen,
    event: CaseDue | OfferExpired | OfferDeclined | LadderAgain,
) -> None:
    """A timer, or a member who moved a case on. What is not due does not happen: a stale event is harmless."""
    if isinstance(event, OfferExpired):
        offer = connection.execute(sa.select(_offer).where(_offer.c.id == event.offer)).mappings().first()
        if offer is None or offer["answered_at"] is not None:
            return
        case_id = offer["case_id"]
        moves.act(connection, case_id, handoff.Unreachable(member=offer["member_id"]), pen.now)
    else:
        case_id = event.case
    row = cases.locked(connection, case_id)
    if row is not None and row["closed_at"] is None:
        moves.Step(connection, row, pen.now, office, pen).go(Due(freed=isinstance(event, LadderAgain)))


def relay(connection: sa.Connection, office: cases.Office, pen: Pen, said: Relay) -> None:
    """A resident's words to whoever holds their case; while it waits, to the team's group and the console.

    Without a case they hear that it has ended, if they have not yet, and are the bot's again: never nobody's.
    """
    case = cases.open_of(connection, pen.conversation)
    if case is None:
        ended = CaseClosed(case=0, outcome="solved")
        inbox.put(connection, [inbox.from_inside(pen.conversation, ended, f"no case:{pen.inbox_id}")], pen.now)
        return
    holder = cases.member_of(connection, case["holder_id"]) if case["holder_id"] else None
    answered = cases.words_of(connection, pen.conversation, said.reply_to) if said.reply_to else ""
    messenger.relayed(pen, office, case, holder, cases.resident_name(connection, case), said, answered)
    if holder is not None:
        row = cases.locked(connection, case["id"])
        assert row is not None
        moves.Step(connection, row, pen.now, office, pen).go(handoff.ResidentSaid())


def leave(connection: sa.Connection, office: cases.Office, pen: Pen) -> None:
    """The resident went back to the bot: the case ends, and whoever holds it is told."""
    case = cases.open_of(connection, pen.conversation)
    if case is None:
        return
    holder = cases.member_of(connection, case["holder_id"]) if case["holder_id"] else None
    moves.act(connection, case["id"], handoff.Ended(outcome="resident_left"), pen.now)
    messenger.left(pen, office, case, holder, cases.resident_name(connection, case))


def queue_asked(connection: sa.Connection, pen: Pen) -> None:
    """Answers a resident who asks when it is their turn, by an event: their place among those who wait near them."""
    case = cases.open_of(connection, pen.conversation)
    if case is None or case["holder_id"] is not None:
        return
    waits = (_case.c.closed_at.is_(None), _case.c.holder_id.is_(None), _case.c.id < case["id"])
    near = (_case.c.commune == case["commune"], _case.c.province == case["province"])
    before = connection.execute(sa.select(sa.func.count()).select_from(_case).where(*waits, *near)).scalar_one()
    event = QueuePlace(case=case["id"], place=before + 1, promised_at=case["promised_at"] or pen.now)
    cases.tell(connection, case, event, f"queue:{pen.inbox_id}", pen.now)


def feedback(connection: sa.Connection, pen: Pen, how: str) -> None:
    """One tap after the end: written down with the case that it is about."""
    newest = sa.select(_case.c.id, _case.c.holder_id).where(_case.c.conversation == pen.conversation)
    case = connection.execute(newest.order_by(_case.c.id.desc()).limit(1)).first()
    about = {"case_id": case.id, "member_id": case.holder_id} if case else {}
    cases.write_log(connection, pen.now, "remembered_feedback", conversation=pen.conversation, detail=how, **about)


# --- what members do (from the console, their own chat, or the team's group) -----------------------------------------


def take(connection: sa.Connection, case_id: int, member_id: int, now: datetime, chat: str = "") -> bool:
    """Claim a case. False when somebody else has it, it is closed, or the member's hands are full.

    Who asks for it gets it, off duty too: only offers are kept from those who are not on duty. `chat` is the Telegram
    chat in which they asked, "" elsewhere.
    """
    row = cases.locked(connection, case_id)
    if row is not None and row["closed_at"] is None and row["holder_id"] == member_id:
        return True
    directory.renew_duty(connection, member_id, now)
    return row is not None and moves.Step(connection, row, now).go(handoff.Taken(member=member_id), served_in=chat)


def decline(connection: sa.Connection, case_id: int, member_id: int, now: datetime) -> None:
    """Not this one: the next member is asked at once. Nothing happens without an open offer to this member."""
    directory.renew_duty(connection, member_id, now)
    if moves.act(connection, case_id, handoff.Declined(member=member_id), now):
        case = cases.get(connection, case_id)
        cases.tell(connection, case, OfferDeclined(case=case_id), f"declined:{case_id}:{member_id}:{uuid4().hex}", now)


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
    case = cases.locked(connection, case_id)
    if case is None or case["closed_at"] is not None or case["holder_id"] != member_id:
        return False
    member = cases.member_of(connection, member_id)
    called = member["called"][:1].upper() + member["called"][1:]
    said = MemberSaid(case=case_id, member=called, text=text, attachments=attachments)
    if not cases.tell(connection, case, said, f"said:{provider_id}", now):
        return True  # a repeat
    if directory.is_ageing(member, now):
        directory.renew_duty(connection, member_id, now)
    first = {} if case["answered_at"] else {"answered_at": now}
    moved = moves.Step(connection, case, now).go(handoff.Answered(member=member_id), **first)
    if first and not moved:
        cases.change(connection, case_id, **first)
    cases.write_log(
        connection, now, "member_said", case_id=case_id, member_id=member_id, conversation=case["conversation"]
    )
    return True


def pass_on(
    connection: sa.Connection, case_id: int, by: int, reason: str, now: datetime, *, member: int = 0, team: int = 0
) -> bool:
    """Nobody holds it any more; a member or a team is asked first, then (or at once) the ladder. False when closed.

    The resident is told who comes next: never a person who is not on duty or whose hands are full.
    """
    row = cases.locked(connection, case_id)
    if row is None or row["closed_at"] is not None:
        return False
    first = moves.named(connection, Ladder(named=member, team=team), now)
    event = handoff.PassedOn(member=member if first else 0, team=team if first else 0)
    if not moves.act(connection, case_id, event, now):
        return False
    cases.write_log(connection, now, "passed_on", case_id=case_id, member_id=by, detail=reason,
              conversation=row["conversation"])  # fmt: skip
    cases.tell(connection, row, CaseDue(case=case_id), f"due:{case_id}:{uuid4().hex}", now)
    return True


def give(connection: sa.Connection, case_id: int, by: int, member_id: int, reason: str, now: datetime) -> bool:
    """A lead gives a case to a member outright, on duty or not. False when it is closed or their hands are full."""
    row = cases.locked(connection, case_id)
    if row is not None and row["closed_at"] is None and row["holder_id"] == member_id:
        return True
    if row is None or not moves.act(connection, case_id, handoff.Given(member=member_id), now):
        return False
    cases.write_log(
        connection, now, "moved", case_id=case_id, member_id=by, detail=reason, conversation=row["conversation"]
    )
    return True


def close(
    connection: sa.Connection, case_id: int, member_id: int, outcome: Outcome, visit_on: str, now: datetime
) -> bool:
    """End a case with its outcome, and tell the resident. False when this member does not hold it."""
    case = cases.locked(connection, case_id)  # whom it is about may be joined to another of their chats meanwhile
    if case is None or not end(connection, case_id, member_id, outcome, visit_on, now):
        return False
    directory.renew_duty(connection, member_id, now)
    said = CaseClosed(case=case_id, outcome=outcome, visit_on=which_day(visit_on) if visit_on else "")
    cases.tell(connection, case, said, f"closed:{case_id}:{uuid4().hex}", now)
    return True


def end(
    connection: sa.Connection, case_id: int, member_id: int, outcome: Outcome, visit_on: str, now: datetime
) -> bool:
    """End a case; whoever calls tells the resident. False when this member does not hold it, or it is closed."""
    if not moves.act(connection, case_id, handoff.Ended(outcome=outcome, member=member_id), now):
        return False
    if visit_on:
        cases.change(connection, case_id, visit_on=visit_on)
    return True


def set_duty(connection: sa.Connection, member_id: int, on: bool, now: datetime) -> None:
    """On: who has waited longest near this member is put to the ladder at once."""
    if on:
        directory.begin_duty(connection, member_id, now)
        moves.wake_longest_waiting(connection, member_id, now)
    else:
        off = {"on_duty": False, "on_duty_until": None, "idle_since": now}
        connection.execute(_member.update().where(_member.c.id == member_id).values(off))
    cases.write_log(connection, now, "duty_on" if on else "duty_off", member_id=member_id)


def enrol(connection: sa.Connection, said: Inbound, office: cases.Office, now: datetime) -> int:
    """The member who writes in the team's group. Whoever is in that group answers for the team, so a person not yet in
    the directory is written into it, at the province desk, under the name that Telegram shows."""
    chat = said.sender
    found = _OF_CHAT.scalar(connection, {"chat": chat})
    if found is None:
        in_turn(connection, "enrolled")  # in two processes at once they would become two members
        found = _OF_CHAT.scalar(connection, {"chat": chat})
    if found is not None:
        return int(found)
    province = cases.home(office.library)
    name = "Nhóm Telegram của tổ"
    team = connection.execute(sa.select(_team.c.id).where(_team.c.name == name)).scalar()
    if team is None:
        values = {"name": name, "rung": "group", "province": province, "commune": "", "hamlet": ""}
        team = connection.execute(_team.insert().returning(_team.c.id), values).scalar_one()
    person = {
        "name": said.sender_name or "Thành viên", "called": said.sender_name or "người của tổ", "role": "member",
        "team_id": team, "rung": "group", "province": province, "hamlet": "", "commune": "", "lat": 0.0, "lon": 0.0,
        # in their own chat the bot may not write first
        "telegram_chat": chat, "telegram_open": False, "alert_chat": "", "on_duty": True, "open_cases": 0,
        "capacity": 10_000, "idle_since": now,
    }  # fmt: skip
    return int(connection.execute(_member.insert().returning(_member.c.id), person).scalar_one())


# --- reading ---------------------------------------------------------------------------------------------------------


def _show_group(office: cases.Office, pen: Pen, step: moves.Step) -> None:
    if office.team_chat:
        messenger.opened(pen, office, step.row, step.summary(office), step.name)


def forget(connection: sa.Connection, conversation: str) -> None:
    """Take a resident's words out of their cases; that there were cases, where and how they ended, stays."""
    blank = {"problem": "", "answers": {}, "hamlet": ""}
    connection.execute(_case.update().where(_case.c.conversation == conversation).values(blank))
    connection.execute(_conversation.update().where(_conversation.c.key == conversation).values(name=""))
