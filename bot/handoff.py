"""The life of a case between people: every transition lives here. Pure: it decides, and tells nobody.

    begin(now, around), advance(case, event, now, around) -> Move(case, acts)

    waiting --Offered--> offered --Taken--> held --Closed--> closed --Reopened--> held or waiting
       ^------ expired, declined ---|         |
       ^------ passed on, taken away ---------|

The ladder, from the nearest: same hamlet's team -> same commune -> commune desk -> nearest communes by distance ->
province desk. At every moment an open case has a holder, an offer that runs out or a queue, and a next moment
(`next_moment`) at which something happens although nobody does anything. What state a case is in follows from its
facts. At a moment that is stale nothing is due, so nothing happens.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, assert_never

from msgspec import field
from msgspec.structs import replace

from bot.model import Noun, Outcome
from bot.said import VIETNAM

#: "named" is a person or a team to whom a member passed a case on: asked before the first rung
Rung = Literal["named", "hamlet", "commune", "desk", "near", "province"]
RUNGS: tuple[Rung, ...] = ("hamlet", "commune", "desk", "near", "province")
State = Literal["waiting", "offered", "held", "closed"]

#: how long a member has to tap, in minutes of a working hour
OFFER_MINUTES: dict[Rung, int] = {"named": 20, "hamlet": 5, "commune": 5, "desk": 5, "near": 4, "province": 10}
#: so many times longer from this hour on, Vietnam time: at meals, at noon and late people look at their phones less
SLOWER_FROM_HOUR = ((0, 2), (8, 1), (11, 3), (13, 1), (17, 2), (19, 1), (20, 2))
#: a case that waits is put to everybody again after so long; after each round it is this much longer, up to the most
AGAIN_MINUTES = 30
AGAIN_MOST_MINUTES = 120
#: after the night the morning's digest is read before anybody is asked one by one
DIGEST_MINUTES = 15
#: what is promised, in minutes of the day from the next try on: at first, and after one and after more broken promises
PROMISE_MINUTES = 120
PROMISE_LATER_MINUTES = (120, 240, 14 * 60)
#: who takes a case has at least so long for the first answer
ANSWER_MINUTES = 30
#: the holder, or the lead, is warned so long before the promised time
WARN_MINUTES = 15
#: between the first miss, which the team hears of, and the second, of which the resident does
GRACE_MINUTES = 30
#: a resident's words to a holder who had answered before: reminded of after so long
FOLLOW_UP_MINUTES = 120
#: an answered case that nobody ends: its holder is reminded so often
REMIND_HOURS = 24
#: while the whole team has seen a case in its group, so long passes before nobody counts as free
GROUP_MINUTES = 10
#: who writes "not done" within so long gets the same case and, where possible, the same holder again
REOPEN_DAYS = 3


class Hours(Noun, frozen=True, kw_only=True):
    """The hours of the day, Vietnam time, in which members are asked: from `start` up to but not including `end`."""

    start: int = 7
    end: int = 21

    def open_at(self, now: datetime) -> bool:
        return self.start <= now.astimezone(VIETNAM).hour < self.end

    def next_open(self, now: datetime) -> datetime:
        """The first moment from now on in which members are asked."""
        return now if self.open_at(now) else self.next_start(now)

    def next_start(self, now: datetime) -> datetime:
        """The first beginning of a day after now."""
        local = now.astimezone(VIETNAM)
        starts = local.replace(hour=self.start, minute=0, second=0, microsecond=0)
        return (starts if starts > local else starts + timedelta(days=1)).astimezone(now.tzinfo)

    def after(self, now: datetime, minutes: int) -> datetime:
        """So many minutes of the day later: the night does not count. Never falls into the night."""
        at, left = self.next_open(now), timedelta(minutes=minutes)
        while not self.open_at(at + left):
            local = at.astimezone(VIETNAM)
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
            left -= midnight + timedelta(hours=self.end) - local
            at = self.next_start(at)
        return at + left


def offer_minutes(rung: Rung, now: datetime) -> int:
    """How long a member has to tap, asked now."""
    hour = now.astimezone(VIETNAM).hour
    return OFFER_MINUTES[rung] * [times for start, times in SLOWER_FROM_HOUR if start <= hour][-1]


# --- the facts of a case ---------------------------------------------------------------------------------------------


class Ladder(Noun, frozen=True, kw_only=True):
    """How far a case has come: who was asked in this round, and how often everybody had been asked before it."""

    asked: tuple[int, ...] = ()
    rounds: int = 0
    #: the resident knows that nobody was free
    told: bool = False
    #: who said no: asked after everybody else
    declined: tuple[int, ...] = ()
    #: to whom it was passed on: a member, a team; 0 for none
    named: int = 0
    team: int = 0


class OpenOffer(Noun, frozen=True, kw_only=True):
    """Put before one member, until it runs out."""

    member: int
    expires_at: datetime


class Case(Noun, frozen=True, kw_only=True):
    """All that decides what comes next. The holder of a closed case is who held it last."""

    ladder: Ladder = field(default_factory=Ladder)
    offer: OpenOffer | None = None
    #: in the queue: when the ladder is tried again
    again_at: datetime | None = None
    holder: int | None = None
    #: an answer is owed by then; None: none is
    promised_at: datetime | None = None
    #: the warning before that moment was given
    warned: bool = False
    #: promises broken since the last answer
    misses: int = 0
    #: held and answered: when its holder is reminded that it is still open, and how often they were
    remind_at: datetime | None = None
    reminders: int = 0
    closed_at: datetime | None = None

    @property
    def state(self) -> State:
        if self.closed_at is not None:
            return "closed"
        if self.holder is not None:
            return "held"
        return "offered" if self.offer is not None else "waiting"


def next_moment(case: Case) -> datetime | None:
    """When something is due although nobody does anything; None only for a closed case."""
    if case.state == "closed":
        return None
    moments = [case.offer.expires_at if case.offer else None, case.again_at, case.remind_at]
    if case.promised_at is not None:
        moments.append(case.promised_at - timedelta(minutes=0 if case.warned else WARN_MINUTES))
    return min(moment for moment in moments if moment is not None)


def may_reopen(case: Case, now: datetime) -> bool:
    return case.closed_at is not None and now - case.closed_at <= timedelta(days=REOPEN_DAYS)


# --- what happens to it ----------------------------------------------------------------------------------------------


class Due(Noun, frozen=True, kw_only=True):
    """Time has passed, or somebody has become free (`freed`): whatever is due by now."""

    freed: bool = False


class Declined(Noun, frozen=True, kw_only=True):
    member: int


class Unreachable(Noun, frozen=True, kw_only=True):
    """The member cannot be written to: their offer is over before its time."""

    member: int


class Taken(Noun, frozen=True, kw_only=True):
    member: int


class Answered(Noun, frozen=True, kw_only=True):
    """The member's words are on their way to the resident."""

    member: int


class ResidentSaid(Noun, frozen=True, kw_only=True):
    """More words of the resident to whoever holds it."""


class PassedOn(Noun, frozen=True, kw_only=True):
    """To a member, to a team, or (neither) to the ladder from its first rung."""

    member: int = 0
    team: int = 0


class Given(Noun, frozen=True, kw_only=True):
    """A lead gives it to a member outright, whoever holds it now."""

    member: int


class Reopened(Noun, frozen=True, kw_only=True):
    """The resident says it is not done. `holder_free`: who held it last is on duty and has room."""

    holder_free: bool


class Ended(Noun, frozen=True, kw_only=True):
    """By whoever holds it, or (`member` None) by the resident who went back to the bot."""

    outcome: Outcome
    member: int | None = None


Happening = Due | Declined | Unreachable | Taken | Answered | ResidentSaid | PassedOn | Given | Reopened | Ended


# --- and what is to be done about it ---------------------------------------------------------------------------------


class Candidate(Noun, frozen=True, kw_only=True):
    """A member who could take it, as the directory found them, best first."""

    member: int
    rung: Rung
    reason: str


class Offered(Noun, frozen=True, kw_only=True):
    """Put it to this member until `expires_at`."""

    member: int
    rung: Rung
    reason: str
    expires_at: datetime
    ladder: Ladder


class Queued(Noun, frozen=True, kw_only=True):
    """Nobody to ask now. `again_at`: when the ladder starts anew. `tell`: the resident does not know it yet."""

    again_at: datetime
    promised_at: datetime
    tell: bool
    ladder: Ladder


class OfferOver(Noun, frozen=True, kw_only=True):
    member: int
    answer: Literal["taken", "declined", "expired", "withdrawn"]


class Claimed(Noun, frozen=True, kw_only=True):
    """One more case in these hands. When there is no room for it, the whole move is off."""

    member: int
    #: only while they are on duty: they did not ask for it themselves
    on_duty: bool = False


class Freed(Noun, frozen=True, kw_only=True):
    """One case less in these hands."""

    member: int


class ToldWaits(Noun, frozen=True, kw_only=True):
    """The resident hears when an answer comes. `late`: and that we are sorry, it should have come by now."""

    promised_at: datetime
    late: bool


class ToldTaken(Noun, frozen=True, kw_only=True):
    """The resident hears who answers."""

    member: int


class ToldNext(Noun, frozen=True, kw_only=True):
    """The resident hears who is asked next: a member, a team, or (neither) the next that is free."""

    member: int = 0
    team: int = 0


class Warned(Noun, frozen=True, kw_only=True):
    """A member hears of it: `member` who holds or held it, None the lead of its place."""

    member: int | None
    what: Literal["nobody", "soon", "missed", "still_open", "taken_away", "reopened"]


class Shut(Noun, frozen=True, kw_only=True):
    """It ended so. `by_resident`: they know."""

    outcome: Outcome
    by_resident: bool


Act = Offered | Queued | OfferOver | Claimed | Freed | ToldWaits | ToldTaken | ToldNext | Warned | Shut


class Move(Noun, frozen=True, kw_only=True):
    """The case afterwards, and what has to be done so that it is so, in this order."""

    case: Case
    acts: tuple[Act, ...] = ()


class Around(Noun, frozen=True, kw_only=True):
    """What is the case beside the case. `candidates`: who is on duty and free, best first."""

    hours: Hours = field(default_factory=Hours)
    candidates: Sequence[Candidate] = ()
    #: the whole team sees it in its own group
    in_group: bool = False


def begin(now: datetime, around: Around) -> Move:
    """A new case, and its first offer or its place in the queue. What is owed is known before anything is promised."""
    case = Case(again_at=now, promised_at=around.hours.after(now, PROMISE_MINUTES))
    return advance(case, Due(), now, around)


def advance(case: Case, event: Happening, now: datetime, around: Around) -> Move:
    """The case after an event. One that does not fit its state (too late, not theirs) changes nothing."""
    if (case.state == "closed") != isinstance(event, Reopened):
        return Move(case=case)
    change = _Change(case, now, around)
    match event:
        case Due(freed=freed):
            change.due(freed=freed)
        case Declined(member=member):
            change.declined(member)
        case Unreachable(member=member):
            change.unreachable(member)
        case Taken(member=member):
            change.taken(member)
        case Answered(member=member):
            change.answered(member)
        case ResidentSaid():
            change.resident_said()
        case PassedOn():
            change.passed_on(event)
        case Given(member=member):
            change.given(member)
        case Reopened(holder_free=holder_free):
            change.reopened(holder_free=holder_free)
        case Ended():
            change.ended(event)
        case _:
            assert_never(event)
    return Move(case=change.case, acts=tuple(change.acts))


def next_offer(
    ladder: Ladder, candidates: Iterable[Candidate], now: datetime, hours: Hours, *, in_group: bool = False
) -> Offered | Queued:
    """The next step of an open case that nobody holds. `candidates` are ordered; those already asked are passed over,
    who declined comes last.

    `in_group`: the team's own group shows the case, so the first round waits for it before anybody is told of a queue.
    """
    if hours.open_at(now):
        for one in sorted(candidates, key=lambda one: one.member in ladder.declined):
            if one.member not in ladder.asked:
                expires_at = now + timedelta(minutes=offer_minutes(one.rung, now))
                asked = replace(ladder, asked=(*ladder.asked, one.member))
                return Offered(
                    member=one.member, rung=one.rung, reason=one.reason, expires_at=expires_at, ladder=asked
                )  # fmt: skip
    after = replace(ladder, asked=(), rounds=ladder.rounds + 1)
    if hours.open_at(now):
        after = replace(after, named=0, team=0)
    if in_group and ladder.rounds == 0 and not ladder.told:
        again_at = now + timedelta(minutes=GROUP_MINUTES)
        return Queued(again_at=again_at, promised_at=again_at, tell=False, ladder=after)
    pause = timedelta(minutes=min(AGAIN_MINUTES * 2**ladder.rounds, AGAIN_MOST_MINUTES))
    again_at = hours.next_open(now + pause)
    promised_at = hours.after(again_at, PROMISE_MINUTES)
    if not hours.open_at(now + pause):
        again_at += timedelta(minutes=DIGEST_MINUTES)
    told = replace(after, told=True)
    return Queued(again_at=again_at, promised_at=promised_at, tell=not ladder.told, ladder=told)


class _Change:
    """One move in the making."""

    def __init__(self, case: Case, now: datetime, around: Around) -> None:
        self.case, self.now, self.around = case, now, around
        self.hours = around.hours
        self.acts: list[Act] = []

    def due(self, *, freed: bool) -> None:
        if self.case.offer is not None and self.case.offer.expires_at <= self.now:
            self._offer_over("expired")
            self.case = replace(self.case, again_at=self.now)
        is_day = self.hours.open_at(self.now)
        if is_day:
            self._keep_promises()
        if self.case.again_at is not None and ((freed and is_day) or self.case.again_at <= self.now):
            self._climb()

    def _keep_promises(self) -> None:
        case = self.case
        if case.promised_at is not None and case.promised_at <= self.now:
            self._missed()
        elif case.promised_at is not None and not case.warned:
            if case.promised_at - timedelta(minutes=WARN_MINUTES) <= self.now:
                self.acts.append(Warned(member=case.holder, what="soon"))
                self.case = replace(case, warned=True)
        elif case.remind_at is not None and case.remind_at <= self.now:
            self.acts.append(Warned(member=case.holder, what="still_open"))
            if case.reminders:
                self.acts.append(Warned(member=None, what="still_open"))
            self.case = replace(case, remind_at=self._remind_at(), reminders=case.reminders + 1)

    def _missed(self) -> None:
        """The team hears of the first miss; of the second the resident, and who never answered no longer holds it."""
        misses, holder = self.case.misses + 1, self.case.holder
        self.acts.append(Warned(member=None, what="missed"))
        if misses == 1:
            if holder is not None:
                self.acts.append(Warned(member=holder, what="missed"))
            grace = self.hours.after(self.now, GRACE_MINUTES)
            self.case = replace(self.case, promised_at=grace, warned=True, misses=1)
            return
        minutes = PROMISE_LATER_MINUTES[min(misses - 2, len(PROMISE_LATER_MINUTES) - 1)]
        promised_at = self.hours.after(self.now, minutes)
        ladder = replace(self.case.ladder, told=True)
        self.case = replace(self.case, promised_at=promised_at, warned=False, misses=misses, ladder=ladder)
        if holder is not None:
            self.acts += (Freed(member=holder), Warned(member=holder, what="taken_away"))
            asked = Ladder(asked=(holder,), told=True)
            self.case = replace(self.case, holder=None, remind_at=None, again_at=self.now, ladder=asked)
        self.acts.append(ToldWaits(promised_at=promised_at, late=True))

    def _climb(self) -> None:
        step = next_offer(
            self.case.ladder, self.around.candidates, self.now, self.hours, in_group=self.around.in_group
        )  # fmt: skip
        self.acts.append(step)
        if isinstance(step, Offered):
            offer = OpenOffer(member=step.member, expires_at=step.expires_at)
            self.case = replace(self.case, offer=offer, again_at=None, ladder=step.ladder)
            return
        self.case = replace(self.case, again_at=step.again_at, ladder=step.ladder)
        if step.tell:
            self.case = replace(self.case, promised_at=step.promised_at, warned=False)
            self.acts.append(ToldWaits(promised_at=step.promised_at, late=False))
            if self.hours.open_at(self.now):
                self.acts.append(Warned(member=None, what="nobody"))

    def declined(self, member: int) -> None:
        if self.case.offer is None or self.case.offer.member != member:
            return
        self._offer_over("declined")
        ladder = replace(self.case.ladder, declined=(*self.case.ladder.declined, member))
        self.case = replace(self.case, again_at=self.now, ladder=ladder)

    def unreachable(self, member: int) -> None:
        if self.case.offer is not None and self.case.offer.member == member:
            self._offer_over("expired")
            self.case = replace(self.case, again_at=self.now)

    def taken(self, member: int) -> None:
        if self.case.holder is not None:
            return
        self.acts.append(Claimed(member=member))
        if self.case.offer is not None:
            self._offer_over("taken" if self.case.offer.member == member else "withdrawn")
        self._hold(member)

    def _hold(self, member: int) -> None:
        at_least = self.now + timedelta(minutes=ANSWER_MINUTES)
        owed = max(self.case.promised_at or at_least, at_least)
        warned = self.case.warned and owed == self.case.promised_at
        self.case = replace(self.case, holder=member, again_at=None, promised_at=owed, warned=warned, remind_at=None)
        self.acts.append(ToldTaken(member=member))

    def answered(self, member: int) -> None:
        if self.case.holder == member:
            self.case = replace(
                self.case, promised_at=None, warned=False, misses=0, remind_at=self._remind_at(), reminders=0
            )  # fmt: skip

    def resident_said(self) -> None:
        if self.case.holder is not None and self.case.remind_at is not None:
            follow_up = self.hours.after(self.now, FOLLOW_UP_MINUTES)
            self.case = replace(self.case, remind_at=min(self.case.remind_at, follow_up))

    def passed_on(self, to: PassedOn) -> None:
        holder = self.case.holder
        if self.case.offer is not None:
            self._offer_over("withdrawn")
        if holder is not None:
            self.acts.append(Freed(member=holder))
        asked = (holder,) if holder is not None else ()
        ladder = Ladder(asked=asked, declined=self.case.ladder.declined, named=to.member, team=to.team)
        promised_at = self.case.promised_at or self.hours.after(self.now, PROMISE_MINUTES)
        self.case = replace(
            self.case, holder=None, remind_at=None, again_at=self.now, promised_at=promised_at, ladder=ladder
        )  # fmt: skip
        self.acts.append(ToldNext(member=to.member, team=to.team))

    def given(self, member: int) -> None:
        holder = self.case.holder
        if holder == member:
            return
        if holder is not None:
            self.acts.append(Freed(member=holder))
            self.case = replace(self.case, holder=None)
        self.taken(member)

    def reopened(self, *, holder_free: bool) -> None:
        if not may_reopen(self.case, self.now):
            return
        before = self.case.holder
        self.case = Case(again_at=self.now, promised_at=self.hours.after(self.now, PROMISE_MINUTES))
        if before is not None and holder_free and self.hours.open_at(self.now):
            self.acts.append(Claimed(member=before, on_duty=True))
            self._hold(before)
            self.acts.append(Warned(member=before, what="reopened"))
            return
        self.case = replace(self.case, ladder=Ladder(named=before or 0))
        self._climb()

    def ended(self, event: Ended) -> None:
        if event.member is not None and event.member != self.case.holder:
            return
        if self.case.offer is not None:
            self._offer_over("withdrawn")
        if self.case.holder is not None:
            self.acts.append(Freed(member=self.case.holder))
        self.case = Case(ladder=self.case.ladder, holder=self.case.holder, closed_at=self.now)
        self.acts.append(Shut(outcome=event.outcome, by_resident=event.member is None))

    def _offer_over(self, answer: Literal["taken", "declined", "expired", "withdrawn"]) -> None:
        if self.case.offer is not None:
            self.acts.append(OfferOver(member=self.case.offer.member, answer=answer))
            self.case = replace(self.case, offer=None)

    def _remind_at(self) -> datetime:
        return self.hours.next_open(self.now + timedelta(hours=REMIND_HOURS))
