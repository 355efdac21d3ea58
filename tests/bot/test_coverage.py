"""Every step of every flow, and every answer to a stuck sign, stands in a transcript that somebody has read."""

from pathlib import Path

import pytest

from bot.coverage import load, uncovered
from bot.flow import Flow, parse
from bot.library import Library
from bot.transcript import Exchange, Transcript

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"
FLOW = """title: Thử
topic: vneid
steps:
  chao: {say: "Chào {ten}, mình làm nhé."}
  hoi: {choose: "Đường nào ạ?", options: {Trái: trai, Phải: phai, Khác: nguoi}}
  trai:
    do: Đi bên trái.
    stuck: [{sign: Đường trơn, say: Vịn tay vô tường.}]
    then: xong
  phai: {go: khac, then: xong}
  nguoi: {hand_off: ""}
  xong: {end: Tới nơi rồi.}
"""


def test_every_step_is_shown_by_a_transcript(library: Library) -> None:
    missing = uncovered(library.flows, load(TRANSCRIPTS))
    assert not missing, "\n".join(map(str, missing))


def missing_after(*exchanges: Exchange) -> set[str]:
    flows: dict[str, Flow] = {"thu": parse(FLOW, "thu.yaml")}
    transcript = Transcript(about="", home=(), exchanges=exchanges)
    found = uncovered(flows, (transcript,))
    assert all(problem.line == flows["thu"].steps[problem.where[6:-1]].line for problem in found)
    return {problem.where[6:-1] + (" sign" if "Đường trơn" in problem.message else "") for problem in found}


def heard(*, at: str, bot: str = "", effects: tuple[str, ...] = ()) -> Exchange:
    return Exchange(does="resident", what="alo", at=at, bot=(bot,), effects=effects)


START = heard(at="thu/hoi", bot="Chào Bác, mình làm\nnhé.\n\nĐường nào ạ?", effects=("note flow_started thu",))
ALL = {"chao", "hoi", "trai", "trai sign", "phai", "nguoi", "xong"}


@pytest.mark.parametrize(
    ("exchanges", "shown"),
    [
        ((), set()),
        ((START,), {"chao", "hoi"}),
        ((heard(at="thu/hoi"),), {"hoi"}),
        ((START, heard(at="thu/trai")), {"chao", "hoi", "trai"}),
        ((heard(at="thu/trai"), heard(at="thu/trai", effects=("note helped thu/trai Đường trơn",))),
         {"trai", "trai sign"}),
        ((heard(at="thu/trai"), heard(at="-", bot="Tới nơi rồi.")), {"trai", "xong"}),
        ((START, heard(at="-", bot="Tới nơi rồi.")), {"chao", "hoi", "xong"}),
        ((START, heard(at="khac/a", effects=("note flow_started khac",))), {"chao", "hoi", "phai"}),
        ((START, heard(at="gap-nguoi/a", effects=("note flow_started gap-nguoi",))), {"chao", "hoi", "nguoi"}),
        ((START, heard(at="gap-nguoi/a", effects=("note person_wanted thu/hoi", "note flow_started gap-nguoi"))),
         {"chao", "hoi"}),
    ],
)  # fmt: skip
def test_what_a_transcript_shows(exchanges: tuple[Exchange, ...], shown: set[str]) -> None:
    assert missing_after(*exchanges) == ALL - shown
