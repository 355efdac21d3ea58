"""One move of a case: what bot.handoff decided, carried out in the database, and told to whom it concerns.

A move whose claim fails (a member no longer on duty, hands full) has not happened: it is decided anew without them.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, assert_never
from uuid import uuid4

import sqlalchemy as sa
from msgspec.structs import replace

from api import cases, joins, messenger, nearest
from api.among import Among
from api.outbox import Pen
from api.prepared import Prepared, Row
from api.tables import Case, Leave, Member, Moment, Offer, Team, Timer
from bot import handoff, record
from bot.handoff import Around, Candidate, Claimed, Happening, Hours, Ladder, Move, Offered, OpenOffer
from bot.model import (
    CaseDue,
    CasePassed,
    CaseTaken,
    CaseWaits,
    LadderAgain,
)
from bot.said import VIETNAM, when_promised

_case = Case.__table__
_offer = Offer.__table__
_member = Member.__table__
_leave = Leave.__table__
_team = Team.__table__
_timer = Timer.__table__


_OPEN_OFFERS = (
    sa.select(sa.func.count())
    .select_from(_offer)
    .where(_offer.c.member_id == _member.c.id, _offer.c.answered_at.is_(None))
    .scalar_subquery()
)
#: room for one more beside what they hold and what they are being asked just now
_HAS_HANDS = _member.c.open_cases + _OPEN_OFFERS < _member.c.capacity
_TODAY, _MINUTE = sa.bindparam("today", type_=sa.Date), sa.bindparam("minute", type_=sa.Integer)
_AWAY = sa.exists().where(
    _leave.c.member_id == _member.c.id, _leave.c.first_day <= _TODAY, _leave.c.last_day >= _TODAY
)  # fmt: skip
#: on duty by lease, day and hour, and not on leave: who may be offered a case. Asked with the values of `at`
AVAILABLE = sa.and_(
    _member.c.on_duty,
    sa.or_(_member.c.on_duty_until.is_(None), _member.c.on_duty_until > sa.bindparam("now", type_=Moment)),
    _member.c.duty_days.bitwise_and(sa.bindparam("weekday", type_=sa.Integer)) != sa.literal_column("0"),
    _member.c.duty_from_minute <= _MINUTE,
    _member.c.duty_to_minute > _MINUTE,
    ~_AWAY,
)
_THIS = _member.c.id == sa.bindparam("member")
_HOLD = Prepared(sa.select(_member.c.id).where(_THIS, AVAILABLE, _HAS_HANDS).with_for_update())
_STILL_FREE = Prepared(sa.select(_member.c.id).where(Among(_member.c.id, "members"), AVAILABLE, _HAS_HANDS))
_ONE_MORE = (
    _member.update()
    .where(_THIS, _member.c.open_cases < _member.c.capacity)
    .values(open_cases=_member.c.open_cases + 1)
)  # fmt: skip
_CLAIM, _CLAIM_ON_DUTY = (
    Prepared(_ONE_MORE.returning(_member.c.id)), Prepared(_ONE_MORE.where(AVAILABLE).returning(_member.c.id))
)  # fmt: skip
_FREED = Prepared(
    _member.update()
    .where(_THIS)
    .values(open_cases=_member.c.open_cases - 1, idle_since=sa.bindparam("now", type_=Moment))
)  # fmt: skip
_PUT_OFFER = Prepared(_offer.insert())
_END_OFFERS = Prepared(
    _offer.update()
    .where(_offer.c.case_id == sa.bindparam("case"), _offer.c.answered_at.is_(None))
    .values(answer=sa.bindparam("how"), answered_at=sa.bindparam("now", type_=Moment))
)
_OPEN_OFFER = Prepared(
    sa.select(_offer.c.member_id, _offer.c.expires_at).where(
        _offer.c.case_id == sa.bindparam("case"), _offer.c.answered_at.is_(None)
    )
)


def at(now: datetime) -> dict[str, Any]:
    """The values that AVAILABLE is asked with."""
    local = now.astimezone(VIETNAM)
    minute = local.hour * 60 + local.minute
    return {"now": now, "today": local.date(), "weekday": 1 << local.weekday(), "minute": minute}


def facts(row: Row, offer: OpenOffer | None) -> handoff.Case:
    """What decides about a case, from its row and its open offer."""
    case = handoff.Case(
        ladder=record.read(Ladder, row["ladder"]), offer=offer,
        again_at=row["again_at"], holder=row["holder_id"], promised_at=row["promised_at"], warned=row["warned"],
        misses=row["misses"], remind_at=row["remind_at"], reminders=row["reminders"], closed_at=row["closed_at"],
    )  # fmt: skip
    if case.state == "waiting" and case.again_at is None:
        return replace(case, again_at=row["opened_at"])
    if case.state == "held" and case.promised_at is None and case.remind_at is None:
        return replace(case, remind_at=row["taken_at"] or row["opened_at"])
    return case


def _open_offer(connection: sa.Connection, case_id: int) -> OpenOffer | None:
    offer = _OPEN_OFFER.first(connection, {"case": case_id})
    return OpenOffer(member=offer.member_id, expires_at=offer.expires_at) if offer else None


def act(connection: sa.Connection, case_id: int, event: Happening, now: datetime) -> bool:
    """A member's act, or the resident's leaving. False when it changed nothing."""
    row = cases.locked(connection, case_id)
    return row is not None and Step(connection, row, now).go(event)


class Step:
    """One move of one case. Without an office and a pen nobody can be offered it: a turn does that a moment later."""

    def __init__(
        self, connection: sa.Connection, row: Row, now: datetime, office: cases.Office | None = None,
        pen: Pen | None = None,
    ) -> None:  # fmt: skip
        self.connection, self.row, self.now, self.office, self.pen = connection, row, now, office, pen
        self.case_id: int = row["id"]
        self._lines: tuple[str, ...] = ()

    @cached_property
    def name(self) -> str:
        """The resident's."""
        return cases.resident_name(self.connection, self.row)

    def summary(self, office: cases.Office) -> tuple[str, ...]:
        """As `cases.summary`, of the case as it was before this move; put together once."""
        self._lines = self._lines or cases.summary(office.library, self.row, self.name)
        return self._lines

    def go(self, event: Happening | None, **columns: Any) -> bool:
        """None begins a case. False when the event changed nothing.

        `columns`: of the case, what is written along with the move.
        """
        before = facts(self.row, _open_offer(self.connection, self.case_id) if event else None)
        around = self._around(before, event)
        while True:
            move = handoff.advance(before, event, self.now, around) if event else handoff.begin(self.now, around)
            lost = self._lost(move)
            if lost is None:
                break
            if isinstance(lost, Offered):
                left = [one for one in around.candidates if one.member != lost.member]
                around = replace(around, candidates=self._still_free(left))
            elif isinstance(event, handoff.Reopened) and event.holder_free:
                event = handoff.Reopened(holder_free=False)
            else:
                return False
        changed = move.case != before or bool(move.acts)
        if changed:
            self._save(move.case, columns)
        for act in move.acts:
            self._do(act, move.case)
        self._set_timer(move.case, around.hours)
        return changed

    def _around(self, case: handoff.Case, event: Happening | None) -> Around:
        if self.office is None:
            return Around()
        hours, row = self.office.hours, self.row
        around = Around(hours=hours, in_group=bool(self.office.team_chat))
        if isinstance(event, handoff.ResidentSaid) or not hours.open_at(self.now):
            return around
        spot = cases.spot(self.office.library, row["commune"], row["hamlet"]) if row["commune"] else None
        served_in = joins.served_in(self.connection, row["conversation"])
        found = nearest.candidates(self.connection, spot, row["province"], topic=row["topic"], resident=served_in,
                                   now=self.now)  # fmt: skip
        first = Ladder(named=case.holder or 0) if isinstance(event, handoff.Reopened) else case.ladder
        return replace(around, candidates=(*named(self.connection, first, self.now), *found))

    def _lost(self, move: Move) -> Offered | Claimed | None:
        """The first act that the member's row refuses: no longer on duty, on leave, or their hands full."""
        for act in move.acts:
            if isinstance(act, Claimed | Offered):
                question = _HOLD if isinstance(act, Offered) else _CLAIM_ON_DUTY if act.on_duty else _CLAIM
                if not question.first(self.connection, {"member": act.member, **at(self.now)}):
                    return act
        return None

    def _still_free(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Those whose rows would not refuse: on a day when everybody's hands are full, one question for all."""
        ids = {"members": [one.member for one in candidates], **at(self.now)}
        free = {row.id for row in _STILL_FREE.rows(self.connection, ids)}
        return tuple(one for one in candidates if one.member in free)

    def _save(self, case: handoff.Case, columns: dict[str, Any]) -> None:
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
        cases.change(self.connection, self.case_id, **values | columns)

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
                _FREED.run(self.connection, {"member": member, "now": self.now})
                wake_longest_waiting(self.connection, member, self.now, but=self.case_id)
            case handoff.ToldWaits(promised_at=promised_at, late=late):
                event = CaseWaits(case=self.case_id, promised_at=promised_at, late=late)
                cases.tell(self.connection, self.row, event, self._mark("waits"), self.now)
                self._log("promised", detail=promised_at.isoformat())
            case handoff.ToldTaken(member=member):
                self._log("taken", member)
                taken = CaseTaken(case=self.case_id, member=cases.called(self.connection, member))
                cases.tell(self.connection, self.row, taken, self._mark(f"taken:{member}"), self.now)
            case handoff.ToldNext():
                passed = CasePassed(case=self.case_id, to=self._next(act))
                cases.tell(self.connection, self.row, passed, self._mark("passed"), self.now)
            case handoff.Warned(member=to, what=what):
                self._warn(to, what, case)
            case handoff.Shut(outcome=outcome):
                cases.change(self.connection, self.case_id, outcome=outcome)
                self._log("closed", self.row["holder_id"], detail=outcome)
            case _:
                assert_never(act)

    def _offer(self, act: Offered) -> None:
        offer = {
            "case_id": self.case_id, "member_id": act.member, "rung": act.rung, "reason": act.reason,
            "offered_at": self.now, "expires_at": act.expires_at, "answer": "",
        }  # fmt: skip
        _PUT_OFFER.run(self.connection, offer)
        self._log("offered", act.member, detail=f"{act.rung}: {act.reason}")
        if self.office and self.pen:
            member = cases.member_of(self.connection, act.member)
            messenger.offered(self.pen, self.office, self.row, member, self.summary(self.office))

    def _next(self, to: handoff.ToldNext) -> str:
        if to.member:
            return cases.called(self.connection, to.member)
        if to.team:
            return str(self.connection.execute(sa.select(_team.c.name).where(_team.c.id == to.team)).scalar_one())
        return "người khác của tổ"

    def _warn(self, to: int | None, what: str, case: handoff.Case) -> None:
        """To the member, or to the leads of its place; to the team's group when it has no lead. Always in the log."""
        who = [cases.member_of(self.connection, to)] if to is not None else cases.leads(self.connection, self.row)
        self._log(f"warned_{what}", to, detail=",".join(str(one["id"]) for one in who))
        if self.office is None or self.pen is None:
            return
        promise = when_promised(case.promised_at, self.now) if case.promised_at else ""
        text = f"#{self.case_id} {self.name}: {_WARNINGS[what].format(promise=promise)}"
        free = case.holder is None and what != "taken_away"
        buttons = ((f"take.{self.case_id}", "Nhận"),) if free else ()
        chats = [chat for chat in map(messenger.chat_of, who) if chat]
        for chat in chats:
            self.pen.member(chat, text, buttons, case_id=self.case_id)
        if not chats and to is None and self.office.team_chat:
            messenger.to_group(self.pen, self.office, self.row, text, choices=buttons)

    def _log(self, kind: str, member_id: int | None = None, detail: str = "") -> None:
        cases.write_log(self.connection, self.now, kind, case_id=self.case_id, member_id=member_id, detail=detail,
                  conversation=self.row["conversation"])  # fmt: skip

    def _mark(self, what: str) -> str:
        """Each move is told once: a move that is done again begins with other facts."""
        return f"{what}:{self.case_id}:{uuid4().hex}"

    def _set_timer(self, case: handoff.Case, hours: Hours) -> None:
        key, due_at = f"case:{self.case_id}", handoff.next_moment(case)
        if due_at is None:
            cases.unset_timer(self.connection, key)
            return
        # What fell due in the night is looked at in the morning.
        due_at = due_at if due_at > self.now or self.office is None else hours.next_open(self.now)
        cases.set_timer(
            self.connection, key, self.row["conversation"], due_at, record.to_json(CaseDue(case=self.case_id))
        )


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
        cases.set_timer(connection, f"case:{row.id}", row.conversation, now, record.to_json(CaseDue(case=row.id)))
    return len(rows)


def named(connection: sa.Connection, ladder: Ladder, now: datetime) -> tuple[Candidate, ...]:
    """The member or the team that a case was passed on to, as far as they are on duty and free."""
    if not ladder.named and not ladder.team:
        return ()
    who = _member.c.id == ladder.named if ladder.named else _member.c.team_id == ladder.team
    order = (_member.c.open_cases, _member.c.idle_since, _member.c.id)
    query = sa.select(_member.c.id).where(who, AVAILABLE, _HAS_HANDS).order_by(*order).limit(nearest.MOST)
    return tuple(Candidate(member=one, rung="named", reason="được nhờ") for one in connection.scalars(query, at(now)))


def wake_longest_waiting(connection: sa.Connection, member_id: int, now: datetime, *, but: int = 0) -> None:
    """Somebody has a hand free: the oldest case that waits in their commune, else in their province, is tried again."""
    member = cases.member_of(connection, member_id)
    waits = sa.select(_case.c.id, _case.c.conversation).where(
        _case.c.closed_at.is_(None), _case.c.holder_id.is_(None), _case.c.again_at > now, _case.c.id != but
    )
    for place in (_case.c.commune == member["commune"], _case.c.province == member["province"]):
        row = connection.execute(waits.where(place).order_by(_case.c.id).limit(1)).mappings().first()
        if row is not None:
            cases.tell(connection, row, LadderAgain(case=row["id"]), f"freed:{row['id']}:{now.timestamp()}", now)
            return


def _end_offers(connection: sa.Connection, case_id: int, answer: str, now: datetime) -> None:
    _END_OFFERS.run(connection, {"case": case_id, "how": answer, "now": now})
