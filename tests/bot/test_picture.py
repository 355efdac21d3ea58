"""The pictures: each is light, said in words, shown by a step, and drawn from what its entry says today."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import segno
from PIL import Image, ImageChops, ImageStat

from bot import picture
from bot.engine import advance
from bot.flow import parse
from bot.model import Conversation, Inbound, Reply
from tests.cast import CHANNEL, CHAT, NOW, shipped

#: by its path: other scripts beside it are called as modules of the standard library are
_SPEC = importlib.util.spec_from_file_location("build_pictures", Path(__file__).parents[2] / "bench/build_pictures.py")
assert _SPEC
assert _SPEC.loader
build_pictures: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(build_pictures)

NAMES = sorted(shipped().pictures)
STEPS = [step for flow in shipped().flows.values() for step in flow.steps.values() if step.picture]


def test_there_are_pictures_for_the_ten_hardest_steps() -> None:
    assert len(NAMES) >= 10
    assert {step.picture for step in STEPS} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_light_and_can_be_said(name: str) -> None:
    one = shipped().pictures[name]
    assert one.size_bytes == one.file.stat().st_size <= picture.MOST_BYTES
    assert 20 <= len(one.says) <= 200


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_drawn_from_todays_entry(name: str) -> None:
    """Its own note says so, and drawn again it is the same but for what another version of the type's renderer does."""
    one = shipped().pictures[name]
    with Image.open(one.file) as stored:
        assert stored.info[build_pictures.SOURCE] == build_pictures.source(one.shapes), "run bench/build_pictures.py"
        again = build_pictures.draw(one.shapes).convert("L")
        assert stored.size == again.size
        assert ImageStat.Stat(ImageChops.difference(stored.convert("L"), again)).mean[0] < 2


def test_a_shape_that_cannot_be_drawn_is_named() -> None:
    with pytest.raises(ValueError, match="cannot draw 'circle 1 2 3'"):
        build_pictures.draw(("circle 1 2 3",))


def test_faults_of_the_list_are_all_told(tmp_path: Path) -> None:
    (tmp_path / "pictures.yaml").write_text(
        "Hinh_1: {says: a, draw: title}\nhai: {says: a}\nba: {says: a, draw: title}\n", encoding="utf-8"
    )
    with pytest.raises(ValueError, match="'Hinh_1': a name has") as raised:
        picture.load(tmp_path)
    assert "hai: write `says" in str(raised.value)
    assert "ba: ba.png is missing" in str(raised.value)


def test_the_code_of_a_picture_is_that_of_the_address_under_it() -> None:
    """Read off the drawing in the middle of each square; the white around it is there too."""
    one = shipped().pictures["trang-dich-vu-cong"]
    (address,) = picture.addresses(one)
    rows = list(segno.make_qr(f"https://{address}", error="m").matrix_iter(border=4))
    (shape,) = (line for line in one.shapes if line.startswith("qr "))
    left, top, size = map(int, shape.split()[1:4])
    cell = size // len(rows)
    with Image.open(one.file) as stored:
        drawn = stored.convert("L")
        middles = [cell * place + cell // 2 for place in range(len(rows))]
        read = [[cast(int, drawn.getpixel((left + x, top + y))) < 128 for x in middles] for y in middles]
    assert read == [[bool(dark) for dark in row] for row in rows]
    assert cell >= 8, "a cheap camera reads it off a cheap screen"


FLOW = """title: Thử
topic: vneid
steps:
  mo: {say: Mở hộp, picture: bat-nfc}
  hoi: {choose: Thấy chưa, options: {Rồi: lam, Chưa: het}}
  lam: {do: Bấm nút, picture: otp-tu-go, stuck: [{sign: Hư, say: Lau}]}
  la: {do: Gạt nút, picture: khong-co, stuck: [{sign: Hư, say: Lau}]}
  het: {end: Hết rồi, picture: quet-mat}
"""


def test_each_step_shows_its_picture_with_its_text() -> None:
    """A `say` has no message of its own: its picture goes with the one that its words are in."""
    flow = parse(FLOW, "thu.yaml")
    library = replace(shipped(), flows={**shipped().flows, flow.id: flow})
    talk = Conversation(channel=CHANNEL, chat=CHAT, greeted=True)
    shown = []
    for said in ("/start thu", "Rồi", "Xong rồi", "Xong rồi"):
        heard = Inbound(channel=CHANNEL, chat=CHAT, message_id="1", sent_at=NOW, text=said)
        turn = advance(library, talk, heard, NOW)
        talk = turn.conversation
        shown += [
            (one.picture, bool(one.picture_says), bool(one.text)) for one in turn.effects if isinstance(one, Reply)
        ]
    assert shown == [("bat-nfc", True, True), ("otp-tu-go", True, True), ("", False, True), ("quet-mat", True, True)]
