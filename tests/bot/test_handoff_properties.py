"""A case among people who tap, decline, answer, pass on, leave and come back in any order, at any hour, for days."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.handoff import (
    GRACE_MINUTES,
    Answered,
    Around,
    Candidate,
    Case,
    Claimed,
    Declined,
    Due,
    Ended,
    Freed,
    Given,
    Happening,
    Hours,
    Move,
    Offered,
    PassedOn,
    Reopened,
    ResidentSaid,
    Taken,
    ToldTaken,
    ToldWaits,
    Unreachable,
    Warned,
    advance,
    begin,
    next_moment,
)
from tests.bot.test_handoff_moves import check_acts, check_whole
from tests.cast import NOW

MEMBERS = st.integers(1, 4)
RUNGS = ("hamlet", "commune", "desk", "province")


class OneCase(RuleBasedStateMachine):
    """The desk does what every move says; the clock rings at every next moment, sometimes twice."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.hours = Hours()
        self.case: Case
        #: what the desk keeps beside the case
        self.on_duty: set[int] = set()
        self.hands: dict[int, int] = {}
        #: the hour that the resident was told, and whether somebody has answered since
        self.told_by: Any = None
        self.beeps_at_night = 0

    @initialize(minutes=st.integers(0, 3 * 24 * 60), on_duty=st.sets(MEMBERS), in_group=st.booleans())
    def opens(self, minutes: int, on_duty: set[int], in_group: bool) -> None:
        self.now += timedelta(minutes=minutes)
        self.on_duty, self.in_group = on_duty, in_group
        self.case = Case(again_at=self.now, promised_at=self.now)
        self.done(begin(self.now, self.around()))

    def around(self) -> Around:
        here = tuple(
            Candidate(member=one, rung=RUNGS[one - 1], reason="") for one in sorted(self.on_duty)  # type: ignore[arg-type]
        )  # fmt: skip
        return Around(hours=self.hours, candidates=here, in_group=self.in_group)

    def happens(self, event: Happening) -> None:
        before = self.case
        move = advance(before, event, self.now, self.around())
        check_acts(before, move)
        self.done(move)

    def done(self, move: Move) -> None:
        self.case = move.case
        for act in move.acts:
            match act:
                case Claimed(member=member):
                    self.hands[member] = self.hands.get(member, 0) + 1
                case Freed(member=member):
                    self.hands[member] -= 1
                case Offered(member=member):
                    assert member in self.on_duty
                    self.beeps_at_night += not self.hours.open_at(self.now)
                case Warned():
                    self.beeps_at_night += not self.hours.open_at(self.now)
                case ToldWaits(promised_at=promised_at):
                    assert promised_at > self.now
                    assert self.hours.open_at(promised_at)
                    self.told_by = promised_at
                case ToldTaken():
                    pass

    @rule(minutes=st.integers(0, 26 * 60), twice=st.booleans())
    def time_passes(self, minutes: int, twice: bool) -> None:
        end = self.now + timedelta(minutes=minutes)
        rung = 0
        while (moment := next_moment(self.case)) is not None:
            # what falls due in the night is looked at in the morning too
            rings_at = max(moment, self.now)
            if rings_at == self.now and not self.hours.open_at(self.now) and rung:
                rings_at = self.hours.next_open(self.now)
            if rings_at > end:
                break
            rung += 1
            assert rung < 400, "the clock rings without end"
            self.now = rings_at
            for _ in range(1 + twice):
                self.happens(Due())
        self.now = end

    @rule(member=MEMBERS)
    def declines(self, member: int) -> None:
        self.happens(Declined(member=member))
        self.happens(Due())

    @rule(member=MEMBERS)
    def takes(self, member: int) -> None:
        self.happens(Taken(member=member))

    @rule(member=MEMBERS)
    def answers(self, member: int) -> None:
        if self.case.state == "held" and self.case.holder == member:
            self.told_by = None
        self.happens(Answered(member=member))

    @rule()
    def resident_writes(self) -> None:
        self.happens(ResidentSaid())

    @rule(member=st.integers(0, 4))
    def passes_on(self, member: int) -> None:
        self.happens(PassedOn(member=member))
        self.happens(Due())

    @rule(member=MEMBERS)
    def is_given(self, member: int) -> None:
        self.happens(Given(member=member))

    @rule(member=MEMBERS)
    def cannot_be_reached(self, member: int) -> None:
        self.happens(Unreachable(member=member))

    @rule(on_duty=st.sets(MEMBERS), freed=st.booleans())
    def duty_changes(self, on_duty: set[int], freed: bool) -> None:
        self.on_duty = on_duty
        self.happens(Due(freed=freed))

    @rule(member=MEMBERS)
    def holder_ends_it(self, member: int) -> None:
        self.happens(Ended(outcome="solved", member=member))

    @precondition(lambda self: self.case.state != "closed")
    @rule()
    def resident_leaves(self) -> None:
        self.happens(Ended(outcome="resident_left"))
        self.told_by = None

    @rule(free=st.booleans())
    def not_done(self, free: bool) -> None:
        if self.case.state == "closed":
            self.told_by = None
        self.happens(Reopened(holder_free=free))

    @invariant()
    def has_an_owner_and_a_next_moment(self) -> None:
        check_whole(self.case)

    @invariant()
    def hands_are_counted_right(self) -> None:
        holder = self.case.holder if self.case.state == "held" else None
        assert {member: count for member, count in self.hands.items() if count} == ({holder: 1} if holder else {})

    @invariant()
    def nobody_is_woken(self) -> None:
        assert self.beeps_at_night == 0

    @invariant()
    def the_resident_knows_what_comes_next(self) -> None:
        """A promise that is past by more than the team's grace has been answered, or renewed."""
        if self.told_by is None or self.case.state == "closed" or self.case.promised_at is None:
            return
        late_by = self.hours.after(self.told_by, GRACE_MINUTES) + timedelta(minutes=GRACE_MINUTES)
        assert self.now <= late_by or not self.hours.open_at(self.now)


OneCase.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestOneCase = OneCase.TestCase
