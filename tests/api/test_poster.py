"""`gocua qr`: the ways in that an installation has, and a page that shows each as the code of its link."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import segno
from click.testing import CliRunner

from api.cli import app
from api.poster import PosterError, Way, poster, ways
from api.qr import CORRECTION, QUIET
from api.settings import Settings

ZALO = {"zalo_oa_app_id": "7", "zalo_oa_app_secret": "a", "zalo_oa_oa_secret": "b", "zalo_oa_oa_id": "9001"}
SVG = "{http://www.w3.org/2000/svg}"


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


def test_the_ways_in() -> None:
    whole = settings(public_url="https://gocua.example.vn", **ZALO)
    found = ways(whole, telegram="@GoCuaBot", messenger="to.so", flow="vneid-kich-hoat")
    assert [(way.title, way.link) for way in found] == [
        ("Zalo", "https://zalo.me/9001"),
        ("Telegram", "https://t.me/GoCuaBot?start=vneid-kich-hoat"),
        ("Messenger", "https://m.me/to.so?ref=vneid-kich-hoat"),
        ("Trang web", "https://gocua.example.vn/"),
    ]
    with pytest.raises(PosterError, match="GOCUA_PUBLIC_URL"):
        ways(settings())


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_each_code_is_that_of_its_link_and_lies_on_the_page(number: int) -> None:
    found = tuple(Way(channel=f"c{n}", title=f"Kênh {n}", link=f"https://t.me/bot{n}") for n in range(number))
    page = ElementTree.fromstring(poster(found, "Tổ <ấp 3>"))
    codes = list(page.iter(f"{SVG}path"))
    assert len(codes) == number
    for way, code in zip(found, codes, strict=True):
        rows = list(segno.make_qr(way.link, error=CORRECTION).matrix_iter(border=QUIET))
        dots = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", code.attrib["d"])}
        assert dots == {(x, y) for y, row in enumerate(rows) for x, dark in enumerate(row) if dark}
        left, top, scale = map(float, re.findall(r"[\d.]+", code.attrib["transform"]))
        assert left >= 0
        assert left + scale * len(rows) <= 210
        assert top + scale * len(rows) + 16 < 260, "its name stands under it, above the foot"
    assert "Tổ <ấp 3>" in [text.text for text in page.iter(f"{SVG}text")]


def test_the_command_makes_a_poster_or_one_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOCUA_PUBLIC_URL", "https://gocua.example.vn")
    run = CliRunner().invoke
    told = run(app, ["qr", "to.svg", "--place", "Tổ công nghệ số xã A", "--telegram", "GoCuaBot"])
    assert "https://t.me/GoCuaBot" in told.stdout
    assert "Tổ công nghệ số xã A" in (tmp_path / "to.svg").read_text(encoding="utf-8")
    assert run(app, ["qr", "ma.png", "--channel", "web"]).exit_code == 0
    assert (tmp_path / "ma.png").read_bytes().startswith(b"\x89PNG")
    for wrong in (["to.pdf"], ["a.svg", "--channel", "zalo_oa"], ["a.svg", "--flow", "khong-co"]):
        assert run(app, ["qr", *wrong]).exit_code == 1
