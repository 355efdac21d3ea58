"""Every step of every flow, on every channel, within its limits.

At each step all choices are pressed, all troubles told, and what means nothing is typed until a person is offered.
"""

import json
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from msgspec.structs import replace

from bot import engine
from bot.capabilities import CHANNELS, WEB, Capabilities
from bot.channel import Call, Channel, Outgoing
from bot.channels.messenger import Messenger
from bot.channels.telegram import Telegram
from bot.channels.zalo_bot import ZaloBot
from bot.channels.zalo_oa import Buttons, ZaloOa
from bot.checks.carried import bubbles
from bot.flow import Choose, Do, Flow, Go, Step, Waiting
from bot.model import Conversation, Inbound, Position, Reply, StepShown
from tests.cast import CHANNEL, CHAT, NOW, shipped

MADE: dict[str, Channel] = {
    "zalo_oa": ZaloOa("7001", {"9001": "key"}, {"9001": "token"}),
    "zalo_bot": ZaloBot("1:fake", "s3cret"),
    "messenger": Messenger("key", "word", "token", "5005"),
    "telegram": Telegram("1:fake", "s3cret"),
}
FORMS: tuple[Buttons, ...] = ("form1", "form3")
NATIVE = {
    f"zalo_oa {form}": ZaloOa("7001", {"9001": "key"}, {"9001": "token"}, buttons={"9001": form}) for form in FORMS
}
GIBBERISH = "qwx zzk vvb"
CHATS = {"zalo_oa": "u1@9001"}
FLOWS = sorted(shipped().flows)
#: from the first repair to a person
MISSES = 4


def _hear(c: Conversation, text: str = "", choice: str | None = None) -> tuple[Conversation, tuple[Reply, ...]]:
    heard = Inbound(channel=CHANNEL, chat=CHAT, message_id="1", sent_at=NOW, text=text, choice=choice)
    turn = engine.advance(shipped(), c, heard, NOW)
    return turn.conversation, tuple(replace(one, menu=0) for one in turn.effects if isinstance(one, Reply))


def _pressed(c: Conversation) -> Iterator[tuple[Conversation, tuple[Reply, ...]]]:
    """What each choice on screen leads to."""
    for place in range(1, len(c.menu.choices) + 1 if c.menu else 1):
        yield _hear(c, choice=f"{c.menus}.{place}")


def _at(flow: Flow, step: Step) -> Iterator[Reply]:
    """All that can be read at one step: itself, what each choice leads to, each trouble, each repair."""
    before = tuple(one.id for one in flow.steps.values() if isinstance(one, Waiting))[:1]
    position = Position(flow=flow.id, version=flow.version, step=step.id, trail=before)
    standing = Conversation(channel=CHANNEL, chat=CHAT, position=position, greeted=True)
    c, replies = _hear(standing, "nhắc lại")
    yield from replies
    for after, said in _pressed(c):
        yield from said
        if isinstance(step, Do):
            for further, more in _pressed(after):
                yield from more
                yield from (one for _, last in _pressed(further) for one in last)
    for sign in step.stuck if isinstance(step, Do) else ():
        for way in (sign.sign, *sign.also):
            yield from _hear(c, way)[1]
    for _ in range(MISSES):
        c, replies = _hear(c, GIBBERISH)
        yield from replies


@cache
def shown(flow_id: str) -> tuple[Reply, ...]:
    """Every reply of a flow once."""
    flow = shipped().flows[flow_id]
    replies = dict.fromkeys(_hear(Conversation(channel=CHANNEL, chat=CHAT), f"/start {flow_id}")[1])
    for step in flow.steps.values():
        if isinstance(step, Waiting):
            replies |= dict.fromkeys(_at(flow, step))
        again = StepShown(case=1, flow=flow_id, step=step.id)
        turn = engine.advance(shipped(), Conversation(channel=CHANNEL, chat=CHAT, held_by="team"), again, NOW)
        replies |= dict.fromkeys(one for one in turn.effects if isinstance(one, Reply))
    return tuple(replies)


@pytest.mark.parametrize("flow_id", FLOWS)
def test_all_that_a_flow_says_is_among_what_is_rendered(flow_id: str) -> None:
    """Each text, each answer to a trouble, each simpler wording of what is chosen or done."""
    said = "\n".join(one.text for one in shown(flow_id))
    steps = shipped().flows[flow_id].steps.values()
    texts = [one.text for one in steps if not isinstance(one, Go)]
    texts += [one.simpler for one in steps if isinstance(one, Choose | Do)]
    texts += [sign.say for one in steps if isinstance(one, Do) for sign in one.stuck]
    assert [text for text in texts if "{" not in text and text not in said] == []


def outgoing(reply: Reply, name: str) -> Outgoing:
    ids = tuple(f"999.{place}" for place in range(1, len(reply.choices) + 1))
    chat = CHATS.get(name.split()[0], "2001")
    return Outgoing(chat=chat, text=reply.text, choices=reply.choices, choice_ids=ids, ask=reply.ask)


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every string of a call's body, with the key it stands under."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        if isinstance(inner, str):
            yield key, inner
        yield from texts(inner)
    for inner in value if isinstance(value, list) else ():
        yield from texts(inner)


def bodies(calls: tuple[Call, ...]) -> list[Any]:
    return [json.loads(call.body.decode("utf-8")) for call in calls]


def assert_carried(reply: Reply, calls: tuple[Call, ...], can: Capabilities) -> None:
    assert calls, reply.text
    assert all(call.carries for call in calls)
    strings = [one for body in bodies(calls) for one in texts(body)]
    words = [text for key, text in strings if key == "text"]
    assert all(text.strip() and len(text) <= can.text_limit for text in words)
    assert all(text == unicodedata.normalize("NFC", text) for _, text in strings)
    assert not any("\0" in text or "{" in text for text in words)
    for choice in reply.choices:
        assert any(choice.label in text for _, text in strings), choice.label
    limit = {"title": can.label_limit}
    assert all(0 < len(text) <= limit.get(key, len(text)) for key, text in strings)
    forms = reply.ask == "phone" and can.name == "zalo_oa"
    assert len(calls) <= bubbles(can, reply.text, reply.choices, pictures=0) + forms <= can.most_bubbles + forms


@pytest.mark.parametrize("can", [one for one in CHANNELS if one is not WEB], ids=lambda one: one.name)
@pytest.mark.parametrize("flow_id", FLOWS)
def test_every_step_is_carried(flow_id: str, can: Capabilities) -> None:
    for reply in shown(flow_id):
        for plain in (False, True):
            out = replace(outgoing(reply, can.name), plain=plain)
            assert_carried(reply, MADE[can.name].render(out), can)


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("flow_id", FLOWS)
def test_every_step_is_carried_with_zalos_buttons(flow_id: str, name: str) -> None:
    for reply in shown(flow_id):
        assert_carried(reply, NATIVE[name].render(outgoing(reply, name)), CHANNELS[0])


@pytest.mark.parametrize("can", CHANNELS, ids=lambda one: one.name)
@pytest.mark.parametrize("flow_id", FLOWS)
def test_no_step_has_more_choices_than_a_channel_shows(flow_id: str, can: Capabilities) -> None:
    for reply in shown(flow_id):
        assert len(reply.choices) <= can.max_choices, reply.text
        assert len(reply.text) <= can.text_limit
        if can.buttons and not can.long_labels:
            assert all(0 < len(choice.label) <= can.label_limit for choice in reply.choices), reply.choices


def test_every_channel_has_its_line_in_the_table() -> None:
    assert [one.name for one in CHANNELS if one is not WEB] == list(MADE)
    assert all(MADE[name].capabilities is can for name, can in zip(MADE, CHANNELS, strict=False))
    assert all(one.title and one.price for one in CHANNELS)
