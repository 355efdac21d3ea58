"""How often one may come."""

from datetime import UTC, datetime, timedelta

import pytest

from api import pace
from api.pace import Pace, of_street

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_a_burst_then_a_steady_rate() -> None:
    clock = Clock()
    one = Pace(clock, burst=3, a_second=0.5)
    assert [one.fits("a") for _ in range(5)] == [True] * 3 + [False] * 2
    assert one.fits("b")
    clock.now += timedelta(seconds=4)
    assert [one.fits("a") for _ in range(3)] == [True, True, False]
    clock.now += timedelta(days=1)
    assert [one.fits("a") for _ in range(4)] == [True] * 3 + [False]


def test_who_goes_on_trying_gets_their_turn_all_the_same() -> None:
    clock = Clock()
    one = Pace(clock, burst=30, a_second=0.5)
    came = []
    for _ in range(120):
        came.append(one.fits("a"))
        clock.now += timedelta(seconds=1)
    assert sum(came[:30]) == 30
    assert sum(came[60:]) == 30


def test_a_clock_that_is_set_back_is_nobodys_debt() -> None:
    clock = Clock()
    one = Pace(clock, burst=3, a_second=0.5)
    assert [one.fits("a") for _ in range(2)] == [True, True]
    clock.now -= timedelta(hours=1)
    assert [one.fits("a") for _ in range(2)] == [True, False]
    clock.now += timedelta(seconds=2)
    assert one.fits("a")


def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MOST_NAMES", 2)
    one = Pace(Clock(), burst=1, a_second=0)
    assert [one.fits(name) for name in ("a", "b", "b", "c", "a", "c")] == [True, True, False, True, True, False]


def test_who_has_all_their_times_back_is_forgotten() -> None:
    clock = Clock()
    one = Pace(clock, burst=2, a_second=1)
    for name in "abbc":
        one.fits(name)
    clock.now += timedelta(seconds=1)
    one.fits("d")
    assert len(one) == 3  # "a" is; behind "b", who is not, "c" waits a little
    clock.now += timedelta(seconds=1)
    one.fits("d")
    assert len(one) == 1


@pytest.mark.parametrize(("host", "street"), [
    ("14.160.0.1", "14.160.0.1"),
    ("2405:4800:1:2:3:4:5:6", "2405:4800:1:2::/64"),
    ("127.0.0.1", ""),
    ("172.18.0.3", ""),
    ("fd00::1", ""),
    ("", ""),
    ("unix", ""),
])  # fmt: skip
def test_whose_address_tells_anything(host: str, street: str) -> None:
    assert of_street(host) == street
