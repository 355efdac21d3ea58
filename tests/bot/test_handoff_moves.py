"""Every state of a case against every event: where it leads, and what is done about it."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from bot.handoff import (
    ANSWER_MINUTES,
    FOLLOW_UP_MINUTES,
    GRACE_MINUTES,
    PROMISE_MINUTES,
    REMIND_HOURS,
    REOPEN_DAYS,
    WARN_MINUTES,
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
    Ladder,
    Move,
    Offered,
    OfferOver,
    OpenOffer,
    PassedOn,
    Queued,
    Reopened,
    ResidentSaid,
    Shut,
    Taken,
    ToldNext,
    ToldTaken,
    ToldWaits,
    Unreachable,
    Warned,
    advance,
    begin,
    next_moment,
    offer_minutes,
)
from tests.cast import NOW

LAN, TAM, HAN = 1, 2, 3
NIGHT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)  # 23 o'clock in Vietnam
TEAM = (Candidate(member=LAN, rung="hamlet", reason=""), Candidate(member=TAM, rung="commune", reason=""))
AROUND = Around(candidates=TEAM)
NOBODY = Around()
SOON, LATER = NOW + timedelta(minutes=3), NOW + timedelta(hours=2)
GONE = NOW - timedelta(minutes=1)

CASES = {
    "waiting": Case(again_at=SOON, promised_at=LATER),
    "waiting, due": Case(again_at=GONE, promised_at=LATER),
    "offered": Case(offer=OpenOffer(member=LAN, expires_at=SOON), promised_at=LATER, ladder=Ladder(asked=(LAN,))),
    "offered, due": Case(offer=OpenOffer(member=LAN, expires_at=GONE), promised_at=LATER, ladder=Ladder(asked=(LAN,))),
    "held": Case(holder=LAN, promised_at=LATER),
    "held, answered": Case(holder=LAN, remind_at=LATER),
    "held, late": Case(holder=LAN, promised_at=GONE, warned=True, misses=1),
    "closed": Case(holder=LAN, closed_at=GONE),
    "closed long ago": Case(holder=LAN, closed_at=NOW - timedelta(days=REOPEN_DAYS, minutes=1)),
    "closed, never held": Case(closed_at=GONE),
}
EVENTS: dict[str, Happening] = {
    "due": Due(),
    "somebody is free": Due(freed=True),
    "Lan declines": Declined(member=LAN),
    "Tâm declines": Declined(member=TAM),
    "Lan cannot be reached": Unreachable(member=LAN),
    "Lan takes": Taken(member=LAN),
    "Tâm takes": Taken(member=TAM),
    "Lan answers": Answered(member=LAN),
    "Tâm answers": Answered(member=TAM),
    "the resident writes": ResidentSaid(),
    "passed to Tâm": PassedOn(member=TAM),
    "passed to the ladder": PassedOn(),
    "given to Tâm": Given(member=TAM),
    "not done, Lan is free": Reopened(holder_free=True),
    "not done, Lan is busy": Reopened(holder_free=False),
    "Lan ends it": Ended(outcome="solved", member=LAN),
    "Tâm ends it": Ended(outcome="solved", member=TAM),
    "the resident leaves": Ended(outcome="resident_left"),
}
#: by event: what becomes of a case that waits, is offered to Lan, is held by Lan, is closed; "" is no change at all
LEADS_TO = {
    "Lan declines": ("", "waiting", "", ""),
    "Tâm declines": ("", "", "", ""),
    "Lan cannot be reached": ("", "waiting", "", ""),
    "Lan takes": ("held", "held", "", ""),
    "Tâm takes": ("held", "held", "", ""),
    "Tâm answers": ("", "", "", ""),
    "passed to Tâm": ("waiting", "waiting", "waiting", ""),
    "passed to the ladder": ("waiting", "waiting", "waiting", ""),
    "given to Tâm": ("held", "held", "held", ""),
    "Lan ends it": ("", "", "closed", ""),
    "Tâm ends it": ("", "", "", ""),
    "the resident leaves": ("closed", "closed", "closed", ""),
}


def check_whole(case: Case) -> None:
    """An open case has an owner or a queue, and a next moment; only a closed one has none. It is in one state."""
    owners = [case.holder is not None, case.offer is not None, case.again_at is not None]
    if case.state == "closed":
        assert (case.offer, case.again_at, case.promised_at, case.remind_at) == (None,) * 4
        assert next_moment(case) is None
        return
    assert sum(owners) == 1
    assert next_moment(case) is not None
    if case.state != "held":
        assert case.promised_at is not None  # who waits is owed an answer by some hour
        assert case.remind_at is None
    else:
        assert (case.promised_at is None) != (case.remind_at is None)


def check_acts(before: Case, move: Move) -> None:
    """What is done about it is just what has changed: hands counted once, offers ended, the resident told."""
    after, acts = move.case, move.acts
    held_before = before.holder if before.closed_at is None else None
    held_after = after.holder if after.closed_at is None else None
    changed = held_before != held_after
    assert [act.member for act in acts if isinstance(act, Freed)] == ([held_before] if changed and held_before else [])
    assert [act.member for act in acts if isinstance(act, Claimed)] == ([held_after] if changed and held_after else [])
    over = [act.member for act in acts if isinstance(act, OfferOver)]
    assert over == ([before.offer.member] if before.offer and before.offer != after.offer else [])
    if changed and held_after:
        assert ToldTaken(member=held_after) in acts
    if changed and held_before and after.state != "closed" and not held_after:
        assert any(isinstance(act, ToldNext | ToldWaits) for act in acts)
    if after.offer and after.offer != before.offer:
        assert [act.member for act in acts if isinstance(act, Offered)] == [after.offer.member]
    assert (after.state == "closed" and before.state != "closed") == any(isinstance(act, Shut) for act in acts)


@pytest.mark.parametrize("around", [AROUND, NOBODY], ids=["two on duty", "nobody"])
@pytest.mark.parametrize("now", [NOW, NIGHT], ids=["day", "night"])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("case", CASES)
def test_every_state_and_every_event(case: str, event: str, now: datetime, around: Around) -> None:
    before = CASES[case]
    move = advance(before, EVENTS[event], now, around)
    check_whole(move.case)
    check_acts(before, move)
    if event in LEADS_TO:
        expected = LEADS_TO[event][("waiting", "offered", "held", "closed").index(before.state)]
        assert (move.case == before and not move.acts) if not expected else move.case.state == expected


@pytest.mark.parametrize("now", [NOW, NIGHT], ids=["day", "night"])
@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("closed")])
def test_what_was_done_is_due_no_more(case: str, now: datetime) -> None:
    """A timer that rings twice, or late, does nothing the second time."""
    once = advance(CASES[case], Due(), now, AROUND)
    again = advance(once.case, Due(), now, AROUND)
    assert (again.case, again.acts) == (once.case, ())


def test_a_case_begins_with_an_offer_and_a_promise() -> None:
    move = begin(NOW, AROUND)
    assert isinstance(move.acts[0], Offered)
    assert move.case.offer == OpenOffer(member=LAN, expires_at=move.acts[0].expires_at)
    assert move.case.promised_at == NOW + timedelta(minutes=PROMISE_MINUTES)


def test_at_night_it_begins_with_an_honest_hour() -> None:
    move = begin(NIGHT, AROUND)
    assert [type(act) for act in move.acts] == [Queued, ToldWaits]  # and nobody is woken
    assert move.case.promised_at == datetime(2026, 11, 22, 2, 0, tzinfo=UTC)  # 9 o'clock


def test_when_everybody_was_asked_resident_and_lead_hear_of_it_once() -> None:
    case = replace(CASES["waiting, due"], ladder=Ladder(asked=(LAN, TAM)))
    move = advance(case, Due(), NOW, AROUND)
    assert [type(act) for act in move.acts] == [Queued, ToldWaits, Warned]
    assert Warned(member=None, what="nobody") in move.acts
    assert move.case.again_at is not None
    later = advance(replace(move.case, ladder=replace(move.case.ladder, asked=(LAN, TAM))), Due(), move.case.again_at,
                    AROUND)  # fmt: skip
    assert [type(act) for act in later.acts] == [Queued]


def test_who_declined_is_asked_after_the_others() -> None:
    case = replace(CASES["waiting, due"], ladder=Ladder(declined=(LAN,)))
    assert isinstance(offered := advance(case, Due(), NOW, AROUND).acts[0], Offered)
    assert offered.member == TAM


def test_the_promise_of_a_holder() -> None:
    """Warned a little before, at the hour with the lead, and the second time it goes to somebody else."""
    case = CASES["held"]
    assert case.promised_at is not None
    assert next_moment(case) == case.promised_at - timedelta(minutes=WARN_MINUTES)
    warned = advance(case, Due(), case.promised_at - timedelta(minutes=WARN_MINUTES), AROUND)
    assert warned.acts == (Warned(member=LAN, what="soon"),)
    missed = advance(warned.case, Due(), case.promised_at, AROUND)
    assert missed.acts == (Warned(member=None, what="missed"), Warned(member=LAN, what="missed"))
    second = case.promised_at + timedelta(minutes=GRACE_MINUTES)
    assert missed.case.promised_at == second
    gone = advance(missed.case, Due(), second, AROUND)
    told = [act for act in gone.acts if isinstance(act, ToldWaits)]
    assert told == [ToldWaits(promised_at=second + timedelta(minutes=PROMISE_MINUTES), late=True)]
    assert Freed(member=LAN) in gone.acts
    assert gone.case.offer is not None
    assert gone.case.offer.member == TAM
    longer = advance(replace(gone.case, warned=True), Due(), told[0].promised_at, NOBODY)
    [third] = [act for act in longer.acts if isinstance(act, ToldWaits)]
    assert third.promised_at - told[0].promised_at > told[0].promised_at - second


def test_an_answer_in_time_owes_nothing_more() -> None:
    move = advance(CASES["held, late"], Answered(member=LAN), NOW, AROUND)
    assert (move.case.promised_at, move.case.misses) == (None, 0)
    assert move.case.remind_at == NOW + timedelta(hours=REMIND_HOURS)


def test_who_has_answered_is_reminded_of_new_words_but_keeps_the_case() -> None:
    case = replace(CASES["held, answered"], remind_at=NOW + timedelta(hours=20))
    said = advance(case, ResidentSaid(), NOW, AROUND)
    assert said.case.remind_at == NOW + timedelta(minutes=FOLLOW_UP_MINUTES)
    for round_ in range(1, 4):
        assert said.case.remind_at is not None
        said = advance(said.case, Due(), said.case.remind_at, AROUND)
        assert said.case.holder == LAN
        assert said.acts[0] == Warned(member=LAN, what="still_open")
        assert (Warned(member=None, what="still_open") in said.acts) is (round_ > 1)


def test_who_takes_it_late_still_has_time_to_answer() -> None:
    case = replace(CASES["waiting"], promised_at=NOW + timedelta(minutes=2), warned=True)
    taken = advance(case, Taken(member=TAM), NOW, AROUND).case
    assert taken.promised_at == NOW + timedelta(minutes=ANSWER_MINUTES)


def test_who_was_named_is_asked_first_and_longest() -> None:
    passed = advance(CASES["held"], PassedOn(member=TAM), NOW, AROUND)
    assert ToldNext(member=TAM) in passed.acts
    assert passed.case.ladder.asked == (LAN,)  # not back to who gave it away
    named = (Candidate(member=TAM, rung="named", reason="được nhờ"), *TEAM)
    offered = advance(passed.case, Due(), NOW, Around(candidates=named)).case.offer
    assert offered is not None
    assert (offered.member, offered.expires_at) == (TAM, NOW + timedelta(minutes=offer_minutes("named", NOW)))


def test_not_done_goes_back_to_who_held_it() -> None:
    move = advance(CASES["closed"], Reopened(holder_free=True), NOW, AROUND)
    assert move.case.holder == LAN
    assert Claimed(member=LAN, on_duty=True) in move.acts
    assert Warned(member=LAN, what="reopened") in move.acts
    night = advance(CASES["closed"], Reopened(holder_free=True), NIGHT, AROUND)
    assert (night.case.state, night.case.ladder.named) == ("waiting", LAN)  # she is asked first in the morning
    assert advance(CASES["closed long ago"], Reopened(holder_free=True), NOW, AROUND).acts == ()


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-11-21T03:00", 120, "2026-11-21T05:00"),
        ("2026-11-21T13:30", 60, "2026-11-22T00:30"),  # 20:30, half an hour today and half tomorrow
        ("2026-11-21T13:30", 30, "2026-11-22T00:00"),  # never at the stroke of the night
        ("2026-11-21T16:00", 14 * 60, "2026-11-23T00:00"),
        ("2026-11-21T00:00", 0, "2026-11-21T00:00"),
    ],
)
def test_the_night_does_not_count(start: str, minutes: int, end: str) -> None:
    begun, ends = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    assert Hours().after(begun, minutes) == ends


def test_at_noon_there_is_more_time_to_tap() -> None:
    noon = NOW.replace(hour=5)
    assert offer_minutes("hamlet", noon) > offer_minutes("hamlet", NOW)
