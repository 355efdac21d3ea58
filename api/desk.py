"""Cases in the database: opened, offered, taken, answered, passed on, closed. bot.handoff decides; this carries out.

Everything here runs inside a transaction that the caller holds, with the case's row locked. What changes a conversation
goes into the inbox; what is a fact about a case goes into the log. Two members can never hold one case, and none can
exceed their capacity: the claim is one conditional UPDATE, and a move whose claim fails has not happened.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never
from uuid import uuid4

import sqlalchemy as sa

from api import directory, inbox, messenger, nearest, phones, words
from api.outbox import Pen
from api.tables import Case, ConversationRow, Leave, Log, Member, Offer, Outbox, Team, Timer
from bot import handoff, record
from bot.handoff import Around, Candidate, Claimed, Due, Happening, Hours, Ladder, Move, Offered, OpenOffer
from bot.library import Library
from bot.model import (
    Attachment,
    CaseClosed,
    CaseDue,
    CasePassed,
    CaseTaken,
    CaseWaits,
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
from bot.said import VIETNAM, when_promised, which_day

_case = Case.__table__  # type: ignore[attr-defined]
_offer = Offer.__table__  # type: ignore[attr-defined]
_member = Member.__table__  # type: ignore[attr-defined]
_leave = Leave.__table__  # type: ignore[attr-defined]
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
    #: a forum topic for each case in that group
    topics: bool = False
    #: how long members can take back what they write from their own chat
    undo_seconds: int = 0


# --- what a turn does ------------------------------------------------------------------------------------------------


def open_case(connection: sa.Connection, desk: Desk, pen: Pen, asked: OpenCase) -> None:
    """A new case, the last one again, or more words to the one that is open; then the first offer."""
    if open_of(connection, pen.conversation) is not None:
        relay(connection, desk, pen, Relay(text=asked.problem))
        return
    if asked.again and _reopen(connection, desk, pen):
        return
    spot = _spot(desk.library, asked.place.commune, asked.place.hamlet) if asked.place else None
    values = {
        "conversation": pen.conversation, "opened_at": pen.now, "topic": asked.topic, "flow": asked.flow,
        "step": asked.step, "problem": asked.problem, "answers": dict(asked.answers),
        "tried": {"signs": list(asked.tried)}, "commune": spot.commune if spot else "",
        "hamlet": spot.hamlet if spot else "", "province": spot.province if spot else _home(desk.library), "ladder": {},
        "again_at": pen.now,
    }  # fmt: skip
    case_id = connection.execute(_case.insert().returning(_case.c.id), values).scalar_one()
    write_log(connection, pen.now, "case_opened", case_id=case_id, conversation=pen.conversation, flow=asked.flow,
              step=asked.step, detail=asked.topic)  # fmt: skip
    row = _get(connection, case_id)
    _show_group(connection, desk, pen, row)
    _Step(connection, row, pen.now, desk, pen).go(None)


def _reopen(connection: sa.Connection, desk: Desk, pen: Pen) -> bool:
    """The resident's last case once more, under its number. False when it is too long ago, or there is none."""
    newest = sa.select(_case.c.id).where(_case.c.conversation == pen.conversation).order_by(_case.c.id.desc()).limit(1)
    case_id = connection.execute(newest).scalar()
    row = _locked(connection, case_id) if case_id is not None else None
    if row is None or not handoff.may_reopen(facts(connection, row), pen.now):
        return False
    write_log(connection, pen.now, "reopened", case_id=case_id, conversation=pen.conversation)
    if desk.topics:
        _show_group(connection, desk, pen, row)
    return _Step(connection, row, pen.now, desk, pen).go(handoff.Reopened(holder_free=True))


def happened(
    connection: sa.Connection, desk: Desk, pen: Pen, event: CaseDue | OfferExpired | OfferDeclined | LadderAgain
) -> None:
    """A timer, or a member who moved a case on. What is not due does not happen: a stale event is harmless."""
    if isinstance(event, OfferExpired):
        offer = connection.execute(sa.select(_offer).where(_offer.c.id == event.offer)).mappings().first()
        if offer is None or offer["answered_at"] is not None:
            return
        case_id = offer["case_id"]
        _act(connection, case_id, handoff.Unreachable(member=offer["member_id"]), pen.now)
    else:
        case_id = event.case
    row = _locked(connection, case_id)
    if row is not None and row["closed_at"] is None:
        _Step(connection, row, pen.now, desk, pen).go(Due(freed=isinstance(event, LadderAgain)))


def relay(connection: sa.Connection, desk: Desk, pen: Pen, said: Relay) -> None:
    """A resident's words to whoever holds their case; while it waits, to the team's group and the console."""
    case = open_of(connection, pen.conversation)
    if case is None:
        return
    holder = member_of(connection, case["holder_id"]) if case["holder_id"] else None
    answered = _words_of(connection, pen.conversation, said.reply_to) if said.reply_to else ""
    messenger.relayed(pen, desk, case, holder, resident_name(connection, case), said, answered)
    if holder is not None:
        row = _locked(connection, case["id"])
        assert row is not None
        _Step(connection, row, pen.now, desk, pen).go(handoff.ResidentSaid())


def leave(connection: sa.Connection, desk: Desk, pen: Pen) -> None:
    """The resident went back to the bot: the case ends, and whoever holds it is told."""
    case = open_of(connection, pen.conversation)
    if case is None:
        return
    holder = member_of(connection, case["holder_id"]) if case["holder_id"] else None
    _act(connection, case["id"], handoff.Ended(outcome="resident_left"), pen.now)
    messenger.left(pen, desk, case, holder, resident_name(connection, case))


def queue_asked(connection: sa.Connection, pen: Pen) -> None:
    """Answers a resident who asks when it is their turn, by an event: their place among those who wait near them."""
    case = open_of(connection, pen.conversation)
    if case is None or case["holder_id"] is not None:
        return
    waits = (_case.c.closed_at.is_(None), _case.c.holder_id.is_(None), _case.c.id < case["id"])
    near = (_case.c.commune == case["commune"], _case.c.province == case["province"])
    before = connection.execute(sa.select(sa.func.count()).select_from(_case).where(*waits, *near)).scalar_one()
    event = QueuePlace(case=case["id"], place=before + 1, promised_at=case["promised_at"] or pen.now)
    _tell(connection, case, event, f"queue:{pen.inbox_id}", pen.now)


def feedback(connection: sa.Connection, pen: Pen, how: str) -> None:
    """One tap after the end: written down with the case that it is about."""
    newest = sa.select(_case.c.id, _case.c.holder_id).where(_case.c.conversation == pen.conversation)
    case = connection.execute(newest.order_by(_case.c.id.desc()).limit(1)).first()
    about = {"case_id": case.id, "member_id": case.holder_id} if case else {}
    write_log(connection, pen.now, "remembered_feedback", conversation=pen.conversation, detail=how, **about)


# --- what members do (from the console, their own chat, or the team's group) -----------------------------------------


def take(connection: sa.Connection, case_id: int, member_id: int, now: datetime, chat: str = "") -> bool:
    """Claim a case. False when somebody else has it, it is closed, or the member's hands are full.

    Who asks for it gets it, off duty too: only offers are kept from those who are not on duty. `chat` is the Telegram
    chat in which they asked, "" elsewhere.
    """
    row = find(connection, case_id)
    if row is not None and row["closed_at"] is None and row["holder_id"] == member_id:
        return True
    directory.renew_duty(connection, member_id, now)
    if not _act(connection, case_id, handoff.Taken(member=member_id), now):
        return False
    connection.execute(_case.update().where(_case.c.id == case_id).values(served_in=chat))
    return True


def decline(connection: sa.Connection, case_id: int, member_id: int, now: datetime) -> None:
    """Not this one: the next member is asked at once. Nothing happens without an open offer to this member."""
    directory.renew_duty(connection, member_id, now)
    if _act(connection, case_id, handoff.Declined(member=member_id), now):
        case = _get(connection, case_id)
        _tell(connection, case, OfferDeclined(case=case_id), f"declined:{case_id}:{member_id}:{uuid4().hex}", now)


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
    case = _locked(connection, case_id)
    if case is None or case["closed_at"] is not None or case["holder_id"] != member_id:
        return False
    first_name = member_of(connection, member_id)["called"]
    said = MemberSaid(case=case_id, member=first_name[:1].upper() + first_name[1:], text=text, attachments=attachments)
    if not _tell(connection, case, said, f"said:{provider_id}", now):
        return True  # a repeat
    if case["answered_at"] is None:
        connection.execute(_case.update().where(_case.c.id == case_id).values(answered_at=now))
    directory.renew_duty(connection, member_id, now)
    _act(connection, case_id, handoff.Answered(member=member_id), now)
    write_log(connection, now, "member_said", case_id=case_id, member_id=member_id, conversation=case["conversation"])
    return True


def pass_on(
    connection: sa.Connection, case_id: int, by: int, reason: str, now: datetime, *, member: int = 0, team: int = 0
) -> bool:
    """Nobody holds it any more; a member or a team is asked first, then (or at once) the ladder. False when closed.

    The resident is told who comes next: never a person who is not on duty or whose hands are full.
    """
    row = find(connection, case_id)
    if row is None or row["closed_at"] is not None:
        return False
    first = _named(connection, Ladder(named=member, team=team), now)
    event = handoff.PassedOn(member=member if first else 0, team=team if first else 0)
    if not _act(connection, case_id, event, now):
        return False
    write_log(connection, now, "passed_on", case_id=case_id, member_id=by, detail=reason,
              conversation=row["conversation"])  # fmt: skip
    _tell(connection, row, CaseDue(case=case_id), f"due:{case_id}:{uuid4().hex}", now)
    return True


def give(connection: sa.Connection, case_id: int, by: int, member_id: int, reason: str, now: datetime) -> bool:
    """A lead gives a case to a member outright, on duty or not. False when it is closed or their hands are full."""
    row = find(connection, case_id)
    if row is not None and row["closed_at"] is None and row["holder_id"] == member_id:
        return True
    if row is None or not _act(connection, case_id, handoff.Given(member=member_id), now):
        return False
    write_log(connection, now, "moved", case_id=case_id, member_id=by, detail=reason, conversation=row["conversation"])
    return True


def close(
    connection: sa.Connection, case_id: int, member_id: int, outcome: Outcome, visit_on: str, now: datetime
) -> bool:
    """End a case with its outcome, and tell the resident. False when this member does not hold it."""
    case = find(connection, case_id)
    if case is None or not end(connection, case_id, member_id, outcome, visit_on, now):
        return False
    directory.renew_duty(connection, member_id, now)
    said = CaseClosed(case=case_id, outcome=outcome, visit_on=which_day(visit_on) if visit_on else "")
    _tell(connection, case, said, f"closed:{case_id}:{uuid4().hex}", now)
    return True


def end(
    connection: sa.Connection, case_id: int, member_id: int, outcome: Outcome, visit_on: str, now: datetime
) -> bool:
    """End a case; whoever calls tells the resident. False when this member does not hold it, or it is closed."""
    if not _act(connection, case_id, handoff.Ended(outcome=outcome, member=member_id), now):
        return False
    if visit_on:
        connection.execute(_case.update().where(_case.c.id == case_id).values(visit_on=visit_on))
    return True


def set_duty(connection: sa.Connection, member_id: int, on: bool, now: datetime) -> None:
    """On: who has waited longest near this member is put to the ladder at once."""
    if on:
        directory.begin_duty(connection, member_id, now)
        _wake_longest_waiting(connection, member_id, now)
    else:
        off = {"on_duty": False, "on_duty_until": None, "idle_since": now}
        connection.execute(_member.update().where(_member.c.id == member_id).values(off))
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
        # in their own chat the bot may not write first
        "telegram_chat": chat, "telegram_open": False, "on_duty": True, "open_cases": 0, "capacity": 10_000,
        "idle_since": now,
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


def member_of(connection: sa.Connection, member_id: int) -> sa.RowMapping:
    return connection.execute(sa.select(_member).where(_member.c.id == member_id)).mappings().one()


def leads(connection: sa.Connection, case: sa.RowMapping) -> list[sa.RowMapping]:
    """Who answers for a case's place: the leads of its commune, where it has none those of its province."""
    lead = sa.select(_member).where(_member.c.role == "lead", _member.c.province == case["province"])
    near = list(connection.execute(lead.where(_member.c.commune == case["commune"]).order_by(_member.c.id)).mappings())
    if near or not case["commune"]:
        return near
    return list(connection.execute(lead.where(_member.c.commune == "").order_by(_member.c.id)).mappings())


def case_of_message(connection: sa.Connection, channel: str, chat: str, remote_id: str) -> int | None:
    """The case to which a message of ours in a member's chat belongs."""
    query = sa.select(_outbox.c.case_id).where(
        _outbox.c.channel == channel, _outbox.c.chat == chat, _outbox.c.remote_id == remote_id
    )
    found: int | None = connection.execute(query).scalar()
    return found


def summary(connection: sa.Connection, library: Library, case: sa.RowMapping) -> tuple[str, ...]:
    """Five lines: who, where, flow and step, answers given, what was tried; then the resident's own words."""
    doing = words.step(library, case["topic"], case["flow"], case["step"])
    hidden = phones.keys(library)
    answers = (
        f"{words.question(library, case['flow'], key)} {phones.masked(said) if key in hidden else said}"
        for key, said in case["answers"].items()
    )
    given = "; ".join(answers) or "chưa có"
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


# --- one move: what bot.handoff decided, carried out ------------------------------------------------------------------


def facts(connection: sa.Connection, row: sa.RowMapping) -> handoff.Case:
    """What decides about a case, from its row and its open offer."""
    query = sa.select(_offer.c.member_id, _offer.c.expires_at)
    offer = connection.execute(query.where(_offer.c.case_id == row["id"], _offer.c.answered_at.is_(None))).first()
    case = handoff.Case(
        ladder=record.read(Ladder, row["ladder"]),
        offer=OpenOffer(member=offer.member_id, expires_at=offer.expires_at) if offer else None,
        again_at=row["again_at"], holder=row["holder_id"], promised_at=row["promised_at"], warned=row["warned"],
        misses=row["misses"], remind_at=row["remind_at"], reminders=row["reminders"], closed_at=row["closed_at"],
    )  # fmt: skip
    if case.state == "waiting" and case.again_at is None:
        return replace(case, again_at=row["opened_at"])
    if case.state == "held" and case.promised_at is None and case.remind_at is None:
        return replace(case, remind_at=row["taken_at"] or row["opened_at"])
    return case


def _act(connection: sa.Connection, case_id: int, event: Happening, now: datetime) -> bool:
    """A member's act, or the resident's leaving. False when it changed nothing."""
    row = _locked(connection, case_id)
    return row is not None and _Step(connection, row, now).go(event)


class _Step:
    """One move of one case. Without a desk and a pen nobody can be offered it: a turn does that a moment later."""

    def __init__(
        self, connection: sa.Connection, row: sa.RowMapping, now: datetime, desk: Desk | None = None,
        pen: Pen | None = None,
    ) -> None:  # fmt: skip
        self.connection, self.row, self.now, self.desk, self.pen = connection, row, now, desk, pen
        self.case_id: int = row["id"]

    def go(self, event: Happening | None) -> bool:
        """None begins a case. False when the event changed nothing."""
        before = facts(self.connection, self.row)
        around = self._around(before, event)
        while True:
            move = handoff.advance(before, event, self.now, around) if event else handoff.begin(self.now, around)
            lost = self._lost(move)
            if lost is None:
                break
            if isinstance(lost, Offered):
                left = tuple(one for one in around.candidates if one.member != lost.member)
                around = replace(around, candidates=left)
            elif isinstance(event, handoff.Reopened) and event.holder_free:
                event = handoff.Reopened(holder_free=False)
            else:
                return False
        changed = move.case != before or bool(move.acts)
        if changed:
            self._save(move.case)
        for act in move.acts:
            self._do(act, move.case)
        self._set_timer(move.case, around.hours)
        return changed

    def _around(self, case: handoff.Case, event: Happening | None) -> Around:
        if self.desk is None:
            return Around()
        hours, row = self.desk.hours, self.row
        around = Around(hours=hours, in_group=bool(self.desk.team_chat))
        if isinstance(event, handoff.ResidentSaid) or not hours.open_at(self.now):
            return around
        spot = _spot(self.desk.library, row["commune"], row["hamlet"]) if row["commune"] else None
        found = nearest.candidates(self.connection, spot, row["province"], topic=row["topic"],
                                   resident=row["conversation"], now=self.now)  # fmt: skip
        first = Ladder(named=case.holder or 0) if isinstance(event, handoff.Reopened) else case.ladder
        return replace(around, candidates=(*_named(self.connection, first, self.now), *found))

    def _lost(self, move: Move) -> Offered | Claimed | None:
        """The first act that the member's row refuses: no longer on duty, on leave, or their hands full."""
        for act in move.acts:
            if isinstance(act, Claimed):
                duty = (available(self.now),) if act.on_duty else ()
                claimed = _member.update().where(
                    _member.c.id == act.member, _member.c.open_cases < _member.c.capacity, *duty
                )
                more = claimed.values(open_cases=_member.c.open_cases + 1)
                if not self.connection.execute(more.returning(_member.c.id)).first():
                    return act
            elif isinstance(act, Offered):
                held = sa.select(_member.c.id).where(_member.c.id == act.member, available(self.now), _HAS_HANDS)
                if not self.connection.execute(held.with_for_update()).first():
                    return act
        return None

    def _save(self, case: handoff.Case) -> None:
        held = case.state == "held"
        values: dict[str, Any] = {
            "ladder": record.to_json(case.ladder), "again_at": case.again_at, "holder_id": case.holder,
            "promised_at": case.promised_at, "warned": case.warned, "misses": case.misses,
            "remind_at": case.remind_at, "reminders": case.reminders, "closed_at": case.closed_at,
        }  # fmt: skip
        if case.state != "closed":
            same = held and self.row["holder_id"] == case.holder and self.row["closed_at"] is None
            values |= {"outcome": "", "visit_on": ""}
            values |= {} if same else {"taken_at": self.now if held else None, "served_in": ""}
        self.connection.execute(_case.update().where(_case.c.id == self.case_id).values(values))

    def _do(self, act: handoff.Act, case: handoff.Case) -> None:
        match act:
            case Offered():
                self._offer(act)
            case handoff.Queued():
                self._log("queued", detail=f"round {act.ladder.rounds}")
            case handoff.OfferOver(member=member, answer=answer):
                _end_offers(self.connection, self.case_id, answer, self.now)
                if answer in ("declined", "expired"):
                    self._log({"expired": "offer_expired"}.get(answer, answer), member)
            case Claimed():
                pass  # done before anything else
            case handoff.Freed(member=member):
                less = {"open_cases": _member.c.open_cases - 1, "idle_since": self.now}
                self.connection.execute(_member.update().where(_member.c.id == member).values(less))
                _wake_longest_waiting(self.connection, member, self.now, but=self.case_id)
            case handoff.ToldWaits(promised_at=promised_at, late=late):
                event = CaseWaits(case=self.case_id, promised_at=promised_at, late=late)
                _tell(self.connection, self.row, event, self._mark("waits"), self.now)
                self._log("promised", detail=promised_at.isoformat())
            case handoff.ToldTaken(member=member):
                self._log("taken", member)
                taken = CaseTaken(case=self.case_id, member=_called(self.connection, member))
                _tell(self.connection, self.row, taken, self._mark(f"taken:{member}"), self.now)
            case handoff.ToldNext():
                passed = CasePassed(case=self.case_id, to=self._next(act))
                _tell(self.connection, self.row, passed, self._mark("passed"), self.now)
            case handoff.Warned(member=to, what=what):
                self._warn(to, what, case)
            case handoff.Shut(outcome=outcome):
                self.connection.execute(_case.update().where(_case.c.id == self.case_id).values(outcome=outcome))
                self._log("closed", self.row["holder_id"], detail=outcome)
            case _:
                assert_never(act)

    def _offer(self, act: Offered) -> None:
        offer = {
            "case_id": self.case_id, "member_id": act.member, "rung": act.rung, "reason": act.reason,
            "offered_at": self.now, "expires_at": act.expires_at, "answer": "",
        }  # fmt: skip
        self.connection.execute(_offer.insert(), offer)
        self._log("offered", act.member, detail=f"{act.rung}: {act.reason}")
        if self.desk and self.pen:
            lines = summary(self.connection, self.desk.library, self.row)
            messenger.offered(self.pen, self.row, member_of(self.connection, act.member), lines)

    def _next(self, to: handoff.ToldNext) -> str:
        if to.member:
            return _called(self.connection, to.member)
        if to.team:
            return str(self.connection.execute(sa.select(_team.c.name).where(_team.c.id == to.team)).scalar_one())
        return "người khác của tổ"

    def _warn(self, to: int | None, what: str, case: handoff.Case) -> None:
        """To the member, or to the leads of its place; to the team's group when it has no lead. Always in the log."""
        who = [member_of(self.connection, to)] if to is not None else leads(self.connection, self.row)
        self._log(f"warned_{what}", to, detail=",".join(str(one["id"]) for one in who))
        if self.desk is None or self.pen is None:
            return
        promise = when_promised(case.promised_at, self.now) if case.promised_at else ""
        name = resident_name(self.connection, self.row)
        text = f"#{self.case_id} {name}: {_WARNINGS[what].format(promise=promise)}"
        free = case.holder is None and what != "taken_away"
        buttons = ((f"take.{self.case_id}", "Nhận"),) if free else ()
        chats = [chat for chat in map(messenger.chat_of, who) if chat]
        for chat in chats:
            self.pen.member(chat, text, buttons, case_id=self.case_id)
        if not chats and to is None and self.desk.team_chat:
            messenger.to_group(self.pen, self.desk, self.row, text, choices=buttons)

    def _log(self, kind: str, member_id: int | None = None, detail: str = "") -> None:
        write_log(self.connection, self.now, kind, case_id=self.case_id, member_id=member_id, detail=detail,
                  conversation=self.row["conversation"])  # fmt: skip

    def _mark(self, what: str) -> str:
        """Each move is told once: a move that is done again begins with other facts."""
        return f"{what}:{self.case_id}:{uuid4().hex}"

    def _set_timer(self, case: handoff.Case, hours: Hours) -> None:
        key, at = f"case:{self.case_id}", handoff.next_moment(case)
        if at is None:
            self.connection.execute(_timer.delete().where(_timer.c.key == key))
            return
        # What fell due in the night is looked at in the morning.
        at = at if at > self.now or self.desk is None else hours.next_open(self.now)
        set_timer(self.connection, key, self.row["conversation"], at, record.to_json(CaseDue(case=self.case_id)))


#: what a member or lead reads, after the case's number and the resident's name
_WARNINGS = {
    "nobody": "đã mời hết người gần đó mà chưa ai nhận. Bà con được hẹn {promise}.",
    "soon": "đã hẹn bà con {promise} mà chưa có câu trả lời.",
    "missed": "đã quá giờ hẹn mà bà con chưa được trả lời.",
    "still_open": "hồ sơ còn mở. Bạn trả lời bà con, hoặc khép lại nếu đã xong.",
    "taken_away": "quá giờ hẹn chưa có câu trả lời nên hồ sơ được chuyển cho người khác.",
    "reopened": "bà con báo vẫn chưa xong, hồ sơ về lại với bạn.",
}


def mend(connection: sa.Connection, now: datetime) -> int:
    """Open cases whose timer is gone (an event that raised, an older version) are looked at now. Returns how many."""
    waking = sa.select(_timer.c.key).where(_timer.c.key == sa.literal("case:").concat(sa.cast(_case.c.id, sa.String)))
    lost = sa.select(_case.c.id, _case.c.conversation).where(_case.c.closed_at.is_(None), ~waking.exists())
    rows = connection.execute(lost).all()
    for row in rows:
        set_timer(connection, f"case:{row.id}", row.conversation, now, record.to_json(CaseDue(case=row.id)))
    return len(rows)


def _named(connection: sa.Connection, ladder: Ladder, now: datetime) -> tuple[Candidate, ...]:
    """The member or the team that a case was passed on to, as far as they are on duty and free."""
    if not ladder.named and not ladder.team:
        return ()
    who = _member.c.id == ladder.named if ladder.named else _member.c.team_id == ladder.team
    order = (_member.c.open_cases, _member.c.idle_since, _member.c.id)
    query = sa.select(_member.c.id).where(who, available(now), _HAS_HANDS).order_by(*order).limit(nearest.MOST)
    return tuple(Candidate(member=one, rung="named", reason="được nhờ") for one in connection.scalars(query))


_OPEN_OFFERS = (
    sa.select(sa.func.count())
    .select_from(_offer)
    .where(_offer.c.member_id == _member.c.id, _offer.c.answered_at.is_(None))
    .scalar_subquery()
)
#: room for one more beside what they hold and what they are being asked just now
_HAS_HANDS = _member.c.open_cases + _OPEN_OFFERS < _member.c.capacity


def available(now: datetime) -> sa.ColumnElement[bool]:
    """On duty by lease, day and hour, and not on leave: who may be offered a case."""
    local = now.astimezone(VIETNAM)
    minute, today = local.hour * 60 + local.minute, local.date()
    away = sa.exists().where(
        _leave.c.member_id == _member.c.id, _leave.c.first_day <= today, _leave.c.last_day >= today
    )  # fmt: skip
    return sa.and_(
        _member.c.on_duty,
        sa.or_(_member.c.on_duty_until.is_(None), _member.c.on_duty_until > now),
        _member.c.duty_days.bitwise_and(1 << local.weekday()) != 0,
        _member.c.duty_from_minute <= minute,
        _member.c.duty_to_minute > minute,
        ~away,
    )


def _wake_longest_waiting(connection: sa.Connection, member_id: int, now: datetime, *, but: int = 0) -> None:
    """Somebody has a hand free: the oldest case that waits in their commune, else in their province, is tried again."""
    member = member_of(connection, member_id)
    waits = sa.select(_case.c.id, _case.c.conversation).where(
        _case.c.closed_at.is_(None), _case.c.holder_id.is_(None), _case.c.again_at > now, _case.c.id != but
    )
    for place in (_case.c.commune == member["commune"], _case.c.province == member["province"]):
        row = connection.execute(waits.where(place).order_by(_case.c.id).limit(1)).mappings().first()
        if row is not None:
            _tell(connection, row, LadderAgain(case=row["id"]), f"freed:{row['id']}:{now.timestamp()}", now)
            return


# --- inside ----------------------------------------------------------------------------------------------------------


def _locked(connection: sa.Connection, case_id: int) -> sa.RowMapping | None:
    """The newest state of a case, which nobody else changes until this transaction ends."""
    return connection.execute(sa.select(_case).where(_case.c.id == case_id).with_for_update()).mappings().first()


def _get(connection: sa.Connection, case_id: int) -> sa.RowMapping:
    return connection.execute(sa.select(_case).where(_case.c.id == case_id)).mappings().one()


def _called(connection: sa.Connection, member_id: int) -> str:
    """ "chị Lan, Tổ công nghệ số khu phố 3": how a resident is told who answers."""
    query = sa.select(_member.c.called, _team.c.name).join(_team, _team.c.id == _member.c.team_id)
    row = connection.execute(query.where(_member.c.id == member_id)).one()
    return f"{row.called}, {row.name}"


def _words_of(connection: sa.Connection, conversation: str, remote_id: str) -> str:
    """What a message of ours to a resident said; "" when it is not known."""
    channel, _, chat = conversation.partition(":")
    query = sa.select(_outbox.c.body).where(
        _outbox.c.channel == channel, _outbox.c.chat == chat, _outbox.c.remote_id == remote_id
    )
    body = connection.execute(query).scalar()
    return str(body.get("text", "")) if body else ""


def _show_group(connection: sa.Connection, desk: Desk, pen: Pen, row: sa.RowMapping) -> None:
    messenger.opened(pen, desk, row, summary(connection, desk.library, row), resident_name(connection, row))


def _home(library: Library) -> str:
    return library.home[0] if library.home else ""


def _spot(library: Library, commune: str, hamlet: str) -> nearest.Spot:
    at = library.gazetteer.commune(commune)
    return nearest.Spot(commune=commune, hamlet=hamlet, province=at.province_code, lat=at.lat, lon=at.lon)


def _tell(connection: sa.Connection, case: sa.RowMapping, event: Any, provider_id: str, now: datetime) -> bool:
    """False for a repeat."""
    arrival = inbox.from_inside(case["conversation"], event, provider_id)
    return inbox.put(connection, (arrival,), now) > 0


def set_timer(connection: sa.Connection, key: str, conversation: str, due_at: datetime, body: dict[str, Any]) -> None:
    """Setting a timer again replaces it."""
    connection.execute(_timer.delete().where(_timer.c.key == key))
    connection.execute(_timer.insert(), {"key": key, "conversation": conversation, "due_at": due_at, "body": body})


def _end_offers(connection: sa.Connection, case_id: int, answer: str, now: datetime) -> None:
    still_open = (_offer.c.case_id == case_id, _offer.c.answered_at.is_(None))
    connection.execute(_offer.update().where(*still_open).values(answer=answer, answered_at=now))


def forget(connection: sa.Connection, conversation: str) -> None:
    """Take a resident's words out of their cases; that there were cases, where and how they ended, stays."""
    blank = {"problem": "", "answers": {}, "hamlet": ""}
    connection.execute(_case.update().where(_case.c.conversation == conversation).values(blank))
    connection.execute(_conversation.update().where(_conversation.c.key == conversation).values(name=""))
