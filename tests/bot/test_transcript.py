"""The written form of a talk: it reads back as it was, and says what to mend when it cannot be read."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import (
    Choice,
    Conversation,
    Forget,
    LeaveCase,
    Note,
    OpenCase,
    Place,
    Position,
    Relay,
    Remember,
    Reply,
    Turn,
)
from bot.transcript import INPUTS, Exchange, Transcript, TranscriptError, answered, read, span, write

LINE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "), min_size=1).map(
    str.strip
)
TEXT = st.lists(LINE.filter(bool), min_size=1, max_size=3).map("\n".join)
EXCHANGES = st.builds(
    Exchange,
    does=st.sampled_from(tuple(INPUTS)),
    what=TEXT,
    bot=st.lists(TEXT, max_size=2).map(tuple),
    effects=st.lists(TEXT, max_size=2).map(tuple),
    at=st.sampled_from(("", "-", "team", "thu/hoi")),
)


@given(st.builds(
    Transcript, about=TEXT, home=st.lists(st.sampled_from(("79", "82"))).map(tuple),
    exchanges=st.lists(EXCHANGES, min_size=1, max_size=3).map(tuple),
))  # fmt: skip
def test_what_is_written_reads_back(transcript: Transcript) -> None:
    assert read(write(transcript), "thu.yaml") == transcript


def test_the_bot_side_of_a_turn() -> None:
    place = Place(commune="25750", hamlet="ấp 3")
    turn = Turn(
        conversation=Conversation(channel="web", chat="1", position=Position(flow="thu", version="1", step="hoi")),
        effects=(
            Note(what="asked", flow="thu", step="hoi", detail="vneid"),
            Reply(text="Chào Bác. \n\nBác ở đâu?", choices=(Choice(id="a", label="Đây"), Choice(id="b", label="Đó"))),
            Reply(text="Dạ.", author="member", ask="location"),
            OpenCase(
                topic="vneid", flow="thu", step="hoi", problem="hư", answers={"so": "5"}, tried=("Treo",), place=place
            ),
            OpenCase(topic="out", flow="", step="", problem="hư", answers={}, tried=(), place=None),
            Relay(text="alo"),
            Remember(what="place", value="25750"),
            LeaveCase(),
            Forget(),
        ),
    )
    assert answered(Exchange(does="resident", what="alo"), turn) == Exchange(
        does="resident",
        what="alo",
        bot=("Chào Bác.\n\nBác ở đâu?\n[Đây] [Đó]", "(member) Dạ.\n<location>"),
        effects=(
            "note asked thu/hoi vneid",
            "open case | vneid | thu/hoi | ấp 3, 25750 | hư | tried: Treo | answers: 5",
            "open case | out | - | ? | hư",
            "relay alo",
            "remember place 25750",
            "leave case",
            "forget",
        ),
        at="thu/hoi",
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "write `about: ...` and `turns:`"),
        ("turns: []", "write `about: ...` and `turns:`"),
        ("turns: [", "thu.yaml:"),
        ("mood: good\nturns: [{resident: alo}]", "unknown key mood"),
        ("turns: [alo]", "thu.yaml, turn 1: a turn has exactly one of"),
        ("turns: [{resident: alo}, {says: alo}]", "thu.yaml, turn 2: a turn has exactly one of"),
        ("turns: [{resident: alo, press: Xong}]", "a turn has exactly one of"),
        ("turns: [{resident: [alo]}]", "with text behind it"),
        ("turns: [{resident: alo, mood: good}]", "turn 1: unknown key mood"),
    ],
)
def test_a_mistake_says_what_to_mend(text: str, says: str) -> None:
    with pytest.raises(TranscriptError) as caught:
        read(text, "thu.yaml")
    assert says in str(caught.value)


def test_spans() -> None:
    assert [span(one) for one in ("3 giây", "5 phút", "20 giờ", "2 ngày")] == [
        timedelta(seconds=3), timedelta(minutes=5), timedelta(hours=20), timedelta(days=2),
    ]  # fmt: skip
    with pytest.raises(TranscriptError, match="'lâu' is no span"):
        span("lâu")
