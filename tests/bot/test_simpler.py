"""Who did not understand hears it in plainer words, else in small pieces, and the second time is offered a person."""

from dataclasses import replace

import pytest

from bot.flow import parse
from bot.pieces import pieces
from tests.cast import shipped
from tests.talk import Talk, replies

FLOW = """title: Thử
topic: vneid
steps:
  hoi: {choose: Bác có máy chưa ạ?, options: {Có rồi: mo, Chưa: dai}, simpler: Bác đang cầm điện thoại của mình không?}
  mo: {do: Bấm nút, simpler: Bác thấy ô tròn thì bấm vô, stuck: [{sign: Máy hư, say: "Bác lau máy. Rồi mở lại."}]}
  dai:
    do: |
      Bác mở CH Play, tìm VNeID rồi bấm “Cài đặt, mở”.
      Máy hỏi thì bấm “Đồng ý”.
    stuck: [{sign: Hư, say: Lau máy}]
  ngan: {choose: Xong chưa ạ?, options: {Rồi: het, Chưa xong hẳn: mot}}
  mot: {do: Bấm nút, stuck: [{sign: Hư, say: Lau máy}], then: het}
  o-dau: {ask: Bác ở đâu ạ?, kind: place, as: noi_o}
  het: {end: Hết rồi}
"""
WAYS = ("tui khong hieu", "khó hiểu quá", "nói lại đi", "là sao con", "dạ bác không hiểu con ơi")


def talk(step: str) -> Talk:
    """At a step of the flow."""
    flow = parse(FLOW.replace("steps:\n", f"steps:\n  dau: {{say: Dạ, then: {step}}}\n"), "thu.yaml")
    library = replace(shipped(), flows={**shipped().flows, flow.id: flow})
    one = Talk(library)
    one.say("/start thu")
    return one


def said(one: Talk) -> tuple[str, tuple[str, ...]]:
    """The last thing heard, without the words before it, and its buttons."""
    last = replies(one.turns[-1])[-1]
    return last.text, tuple(choice.label for choice in last.choices)


@pytest.mark.parametrize("words", WAYS)
@pytest.mark.parametrize(
    ("step", "simpler", "buttons"),
    [
        ("hoi", "Bác đang cầm điện thoại của mình không?", ("Có rồi", "Chưa")),
        ("mo", "Bác thấy ô tròn thì bấm vô", ("Xong rồi", "Bị vướng", "Gặp người")),
    ],
)
def test_a_step_with_plainer_words_says_them(words: str, step: str, simpler: str, buttons: tuple[str, ...]) -> None:
    one = talk(step)
    one.say(words)
    assert said(one) == (f"Dạ, con nói lại cho dễ hiểu nhé.\n{simpler}", buttons)
    assert "unclear" in [getattr(effect, "what", "") for effect in one.turns[-1].effects]


def test_a_step_without_is_taken_to_pieces() -> None:
    one = talk("dai")
    one.say("khó hiểu quá")
    told = (
        "Dạ, con nói lại từng chút một nhé.\n1. Bác mở CH Play\n2. Tìm VNeID\n3. Rồi bấm “Cài đặt, mở”\n"
        "4. Máy hỏi thì bấm “Đồng ý”"
    )
    assert said(one) == (told, ("Xong rồi", "Bị vướng", "Gặp người"))
    one.press("Xong rồi")
    assert said(one)[1] == ("Rồi", "Chưa xong hẳn")


def test_what_helps_against_a_sign_is_taken_to_pieces_too() -> None:
    one = talk("mo")
    one.say("máy hư")
    one.say("là sao con")
    assert said(one)[0].endswith("1. Bác lau máy\n2. Rồi mở lại")
    assert said(one)[1] == ("Được rồi", "Vẫn chưa được", "Gặp người")


def test_while_signs_are_on_screen_the_step_itself_is_meant() -> None:
    one = talk("mo")
    one.press("Bị vướng")
    one.say("không hiểu")
    assert said(one)[0].endswith("Bác thấy ô tròn thì bấm vô")
    one.press("Xong rồi")


def test_the_second_time_a_person_is_offered() -> None:
    one = talk("hoi")
    one.say("không hiểu")
    one.say("hổng hiểu")
    assert said(one) == (shipped().phrases.repair_person, ("Gặp người", "Xem lại bước này", "Xem việc khác"))


@pytest.mark.parametrize("step", ["mot", "o-dau"])
def test_what_cannot_be_said_otherwise_is_not_said_again(step: str) -> None:
    one = talk(step)
    if step == "o-dau":
        one.say("phú lợi")
    one.say("là sao")
    assert said(one)[0] == shipped().phrases.repair_person


def test_a_short_question_points_to_its_buttons() -> None:
    one = talk("ngan")
    one.say("không hiểu")
    assert said(one) == (shipped().phrases.repair_choices, ("Rồi", "Chưa xong hẳn"))


def test_outside_flows() -> None:
    one = Talk(shipped())
    one.say("là sao con")
    assert said(one)[0].endswith(shipped().phrases.menu)
    one.say("không hiểu")
    assert said(one) == (shipped().phrases.repair_person, ("Gặp người", "Xem việc khác"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("Bác bấm nút.", ("Bác bấm nút",)),
        ("Gọi 1900.0368. Hỏi cho rõ!", ("Gọi 1900.0368", "Hỏi cho rõ!")),
        ("Ra Công an xã, phường, đem thẻ", ("Ra Công an xã, phường", "Đem thẻ")),
        ("Coi ba điều:\n- Tên\n- Tiền", ("Coi ba điều:", "Tên", "Tiền")),
        ("Bấm ô đó (có khi, bấm hai lần), chờ chút", ("Bấm ô đó (có khi, bấm hai lần), chờ chút",)),
    ],
)
def test_pieces(text: str, parts: tuple[str, ...]) -> None:
    assert pieces(text) == parts
