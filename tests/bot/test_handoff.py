"""The ladder: who is offered a case next, until when, and what happens when nobody is left."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.handoff import (
    AGAIN_MINUTES,
    DIGEST_MINUTES,
    GROUP_MINUTES,
    OFFER_MINUTES,
    PROMISE_MINUTES,
    RUNGS,
    Candidate,
    Hours,
    Ladder,
    Offered,
    Queued,
    next_offer,
)
from tests.cast import NOW

HOURS = Hours()
NIGHT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)  # 23 o'clock in Vietnam
NEAR = (
    Candidate(member=1, rung="hamlet", reason="cùng ấp"),
    Candidate(member=2, rung="commune", reason="cùng xã"),
    Candidate(member=3, rung="desk", reason="bàn hỗ trợ của xã, phường"),
    Candidate(member=4, rung="near", reason="cách 4 km"),
    Candidate(member=5, rung="province", reason="bàn trực tỉnh"),
)


def test_each_is_asked_once_nearest_first() -> None:
    ladder, asked = Ladder(), []
    while isinstance(step := next_offer(ladder, NEAR, NOW, HOURS), Offered):
        asked.append(step.member)
        assert step.expires_at == NOW + timedelta(minutes=OFFER_MINUTES[step.rung])
        ladder = step.ladder
    assert asked == [1, 2, 3, 4, 5]
    assert [one.rung for one in NEAR] == list(RUNGS)


def test_nobody_left_queues_and_tells_the_resident_once() -> None:
    first = next_offer(Ladder(asked=(1, 2, 3, 4, 5)), NEAR, NOW, HOURS)
    assert isinstance(first, Queued)
    assert first.tell
    assert first.again_at == NOW + timedelta(minutes=AGAIN_MINUTES)
    assert first.promised_at == first.again_at + timedelta(minutes=PROMISE_MINUTES)
    again = next_offer(first.ladder, NEAR, first.again_at, HOURS)
    assert isinstance(again, Offered)
    assert again.member == 1
    second = next_offer(replace(again.ladder, asked=(1, 2, 3, 4, 5)), NEAR, first.again_at, HOURS)
    assert isinstance(second, Queued)
    assert not second.tell


def test_at_night_nobody_is_asked() -> None:
    step = next_offer(Ladder(), NEAR, NIGHT, HOURS)
    assert isinstance(step, Queued)
    opens = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)  # 7 o'clock in Vietnam
    assert step.again_at == opens + timedelta(minutes=DIGEST_MINUTES)
    assert step.promised_at == opens + timedelta(minutes=PROMISE_MINUTES)
    assert step.tell


def test_with_nobody_in_the_directory_the_case_waits() -> None:
    assert isinstance(next_offer(Ladder(), (), NOW, HOURS), Queued)


def test_a_team_group_is_given_its_time_first() -> None:
    step = next_offer(Ladder(), (), NOW, HOURS, in_group=True)
    assert isinstance(step, Queued)
    assert not step.tell
    assert step.again_at == NOW + timedelta(minutes=GROUP_MINUTES)
    after = next_offer(step.ladder, (), step.again_at, HOURS, in_group=True)
    assert isinstance(after, Queued)
    assert after.tell


@pytest.mark.parametrize(
    ("hour_utc", "is_open"), [(23, False), (0, True), (7, True), (13, True), (14, False), (18, False)]
)
def test_hours_are_those_of_vietnam(hour_utc: int, is_open: bool) -> None:
    assert HOURS.open_at(datetime(2026, 11, 21, hour_utc, 59, tzinfo=UTC)) is is_open


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 as hypothesis wants it
def test_the_next_opening_is_open_and_not_far(now: datetime) -> None:
    opens = HOURS.next_open(now)
    assert HOURS.open_at(opens)
    assert timedelta() <= opens - now <= timedelta(hours=10)
    assert opens.tzinfo is now.tzinfo


@given(
    asked=st.sets(st.integers(1, 5)).map(tuple),
    rounds=st.integers(0, 3),
    told=st.booleans(),
    hour=st.integers(0, 23),
    in_group=st.booleans(),
)
def test_a_case_always_has_an_offer_that_ends_or_a_next_try(
    asked: tuple[int, ...], rounds: int, told: bool, hour: int, in_group: bool
) -> None:
    now = NOW.replace(hour=hour)
    step = next_offer(Ladder(asked=asked, rounds=rounds, told=told), NEAR, now, HOURS, in_group=in_group)
    if isinstance(step, Offered):
        assert step.member not in asked
        assert step.expires_at > now
        assert step.ladder.asked == (*asked, step.member)
    else:
        assert step.again_at > now
        assert step.promised_at >= step.again_at
        assert step.ladder.asked == ()
