"""The menu: every flow can be found, on every channel, and every way back leads to where one came from."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot import menu
from bot.capabilities import CHANNELS
from bot.flow import FlowError
from bot.library import INTAKE, Library, load_topics
from bot.model import Choice
from knowledge.search import PERSON_TOPIC, TOPICS
from tests.talk import Talk, words

TOPIC = "{name: Tên}"


def screens(library: Library, paused: bool) -> dict[str, tuple[Choice, ...]]:
    """Every screen by its name, from the first one on."""
    found = {"menu:0": menu.of_topics(library, paused=paused)}
    ahead = ["menu:0"]
    while ahead:
        for choice in found[ahead.pop()]:
            verb, _, rest = choice.id.partition(":")
            if verb == "menu":
                shown = menu.of_topics(library, int(rest), paused=paused)
            elif verb == "topic":
                topic, _, start = rest.partition(":")
                shown = menu.of_flows(library, topic, int(start), paused=paused)
            else:
                continue
            assert choice.id not in found, "two ways on lead to one screen"
            found[choice.id] = shown
            ahead.append(choice.id)
    return found


@pytest.mark.parametrize("paused", [False, True])
def test_every_flow_is_found_and_every_screen_fits(library: Library, paused: bool) -> None:
    found = screens(library, paused)
    assert min(channel.max_choices for channel in CHANNELS) >= menu.MOST
    assert all(len(choices) <= menu.MOST and choices[-1].id == "person" for choices in found.values())
    offered = [choice.id for choices in found.values() for choice in choices if choice.id.startswith("flow:")]
    wanted = [f"flow:{flow.id}" for flow in library.flows.values() if flow.id != INTAKE and flow.kind != "course"]
    assert sorted(offered) == sorted(wanted)


@pytest.mark.parametrize("paused", [False, True])
def test_the_way_back_is_the_screen_before(library: Library, paused: bool) -> None:
    found = screens(library, paused)
    for name, choices in found.items():
        up = menu.way_up(choices)
        assert bool(up) == (name != "menu:0")
        assert not up or name in {choice.id for choice in found[up]}


def test_a_topic_with_one_flow_is_that_flow(library: Library) -> None:
    talk = Talk(library)
    talk.say("menu")
    talk.say("hộ chiếu")
    assert talk.at == "ho-chieu-truc-tuyen/viec"


def test_a_topic_that_is_gone_shows_the_menu(library: Library) -> None:
    talk = Talk(library)
    talk.say("menu")
    flows = {one: flow for one, flow in library.flows.items() if flow.topic != "vneid"}
    talk.library = replace(library, flows=flows)
    assert library.phrases.menu in words(talk.press("VNeID, căn cước"))


def test_what_leads_a_topic_is_there(library: Library) -> None:
    for topic in library.topics:
        flows = [flow.id for flow in library.of_topic(topic.id)]
        assert flows[: len(topic.first)] == list(topic.first)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("", ":1: thiếu chủ đề 'vneid'"),
        ("[]", ":1: thiếu chủ đề 'vneid'"),
        ("vneid: {name: VNeID}", ":1: thiếu chủ đề 'dvc'"),
        ("{all}\nother: {name: Khác}", ":14: không có chủ đề 'other': dùng một trong"),
        ("{all}\nvneid: {}", ":14: chủ đề 'vneid' cần `name: ...`"),
    ],
)
def test_topics_that_are_not_the_searchs_own(tmp_path: Path, wrong: str, says: str) -> None:
    every = "\n".join(f"{topic}: {TOPIC}" for topic in TOPICS if topic != PERSON_TOPIC)
    path = tmp_path / "topics.yaml"
    path.write_text(wrong.replace("{all}", every), encoding="utf-8")
    with pytest.raises(FlowError) as raised:
        load_topics(path)
    assert f"{path}{says}" in str(raised.value)
