"""The short form of bench/simulation.py: a day of a small town, with everything that goes wrong in one."""

import pytest

from bench.simulation import Report, simulate, tell
from tests.service import shared_content


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Report:
    with shared_content():
        return simulate(tmp_path_factory.mktemp("town"), residents=100, days=1, seed=1)


def test_nobody_is_lost_and_nothing_is_said_twice(day: Report) -> None:
    assert dict(day.faults.found) == {}, day.faults.examples


def test_it_was_a_day_with_everything_in_it(day: Report) -> None:
    """Else the zeros above would say little."""
    assert day.cases >= day.residents
    assert day.restarts == 3
    assert min(day.sends[what] for what in ("carried", "slow", "refused", "of unknown fate")) > 0
    assert day.reopened > 0
    assert {"hamlet", "commune", "own tap"} <= {rung for rung, number in day.rungs.items() if number}


def test_nearly_everybody_is_answered_by_the_promised_hour(day: Report) -> None:
    assert day.in_time_percent > 90
    assert "within the promised time" in tell(day)
