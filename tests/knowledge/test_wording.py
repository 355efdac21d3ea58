"""The learned weights: how they are read and added up."""

from pathlib import Path

import pytest

from knowledge.wording import Wording, features


def test_known_features_are_added_and_scaled(tmp_path: Path) -> None:
    (tmp_path / "wording.tsv").write_text("# head\n\t-1.0\nvay\t0.5\nvay nhanh\t1.0\n=mobile\t-0.25\n", "utf-8")
    wording = Wording.load(tmp_path)
    assert wording.score("", ()) == -1.0
    assert wording.score("vay", ()) == pytest.approx(-1 + 0.5 * 4)
    assert wording.score("la vay nhanh", ("mobile",)) == pytest.approx(-1 + 1.25 * 4 / 3**0.5)


def test_numbers_are_alike_and_marks_are_paired() -> None:
    assert features("tra 48 900", ("pay", "mobile")) == {
        "tra", "0", "tra 0", "0 0", "_much", "tra _much", "=mobile", "=pay", "=mobile+pay",
    }  # fmt: skip


def test_people_are_alike_and_so_are_amounts() -> None:
    assert features("ba cho con 5 trieu", ()) == {
        "ba", "cho", "con", "0", "trieu", "ba cho", "cho con", "con 0", "0 trieu",
        "_who", "_much", "_who cho", "cho _who", "_who _much",
    }  # fmt: skip
