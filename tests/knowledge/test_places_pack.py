"""The place pack as shipped: whole, consistent and dated; and what is said when a folder is not a pack."""

import csv
import re
import shutil
from pathlib import Path

import pytest

from knowledge.places import PLACES_FOLDER, Gazetteer, PlacePackError


def table(name: str) -> list[dict[str, str]]:
    with (PLACES_FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_counts_of_the_catalogue() -> None:
    today = [row for row in table("communes") if not row["valid_to"]]
    kinds = {kind: sum(row["type"] == kind for row in today) for kind in ("phường", "xã", "đặc khu")}
    assert kinds == {"phường": 709, "xã": 2599, "đặc khu": 13}
    assert len([row for row in table("provinces") if not row["valid_to"]]) == 34
    assert len(table("old_to_new")) == 10571
    assert sum(row["carries_residents"] == "0" for row in table("old_to_new")) == 49
    assert re.fullmatch(r"\d{4}-\d\d-\d\d\n", (PLACES_FOLDER / "VERSION").read_text(encoding="ascii"))


def test_every_old_commune_leads_to_one_of_today() -> None:
    today = {row["code"] for row in table("communes")}
    pairs = [row for row in table("old_to_new") if row["carries_residents"] == "1"]
    assert {row["old_code"] for row in pairs} == {row["code"] for row in table("old_communes")}
    assert {row["new_code"] for row in pairs} == today


def test_names_that_changed_keep_their_dates() -> None:
    long_thanh = [row for row in table("communes") if row["code"] == "26368"]
    assert [(row["type"], row["valid_from"], row["valid_to"]) for row in long_thanh] == [
        ("xã", "2025-07-01", "2026-04-30"),
        ("phường", "2026-04-30", ""),
    ]


def test_points_lie_in_the_country() -> None:
    for row in table("communes"):
        assert 7 < float(row["lat"]) < 24, row
        assert 102 < float(row["lon"]) < 116, row


def test_a_folder_without_the_pack_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlacePackError, match=r"provinces\.csv is missing: build the pack"):
        Gazetteer.load(tmp_path)


def test_a_damaged_file_is_named_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "places"
    shutil.copytree(PLACES_FOLDER, folder)
    pairs = folder / "old_to_new.csv"
    pairs.write_text("old_code,new_code,carries_residents\n00001,00097\n", encoding="utf-8")
    with pytest.raises(PlacePackError, match=r"old_to_new\.csv, line 2: 2 fields, expected 3"):
        Gazetteer.load(folder)
    pairs.write_text("old,new\n", encoding="utf-8")
    with pytest.raises(PlacePackError, match=r"old_to_new\.csv, line 1: columns old,new"):
        Gazetteer.load(folder)
