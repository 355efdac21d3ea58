"""The Messenger channel against the fake over HTTP: signed bytes, the handshake, buttons, windows, two who answer."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.channel import Call, Outgoing, Parsed, SendError, Webhook
from bot.channels.messenger import GET_STARTED, SAYS, Messenger
from bot.model import Attachment, Choice, Inbound, TakenOver
from tests.channels.wire import PHOTO, Wire
from tests.fakes.messenger import FakeMessenger

CHAT = "2001"


class PageWire(Wire):
    fake: FakeMessenger
    channel: Messenger


@pytest.fixture
async def wire() -> AsyncIterator[PageWire]:
    async with FakeMessenger() as fake, PageWire(messenger(), fake) as wire:
        fake.webhook_url = wire.hook
        yield wire


def messenger(token: str = "1:fake") -> Messenger:
    return Messenger("s3cret", "verify-me", token, "5005")


def choices(*labels: str) -> dict[str, Any]:
    found = tuple(Choice(id=f"option:{number}", label=label) for number, label in enumerate(labels, 1))
    return {"choices": found, "choice_ids": tuple(f"4.{number}" for number in range(1, len(labels) + 1))}


# --- signatures ---

#: "Dạ" as Meta writes it
BODY = b'{"object":"page","entry":[{"id":"404","messaging":[{"message":{"text":"D\\u1ea1 \\/"}}]}]}'


def vectors() -> list[tuple[str, str, bytes]]:
    """App secret, signature, body; more of them where the project's collection is at hand."""
    own = "987792117a35ac10d41dfc3e6c2884413cb20bad25c7435df7d96f362d149530"  # openssl dgst -hmac
    folder = Path(__file__).parents[3] / "shared" / "reference" / "fixtures"
    listed = folder / "signature_vectors.json"
    more = json.loads(listed.read_text("utf-8"))["messenger"] if listed.exists() else []
    return [("s3cret", f"sha256={own}", BODY), ("s3cret", f" SHA256={own.upper()}", BODY)] + [
        (one["app_secret"], one["signature"], (folder / one["file"]).read_bytes()) for one in more
    ]


def post(headers: dict[str, str], body: bytes = BODY) -> Webhook:
    return Webhook(method="POST", headers=headers, query={}, body=body)


@pytest.mark.parametrize(("secret", "signature", "body"), vectors())
def test_known_signatures(secret: str, signature: str, body: bytes) -> None:
    page = Messenger(secret, "v", "t", "5005")
    assert page.verify(post({"x-hub-signature-256": signature}, body))
    assert not page.verify(post({"x-hub-signature-256": signature}, json.dumps(json.loads(body), indent=1).encode()))
    assert not Messenger("other", "v", "t", "5005").verify(post({"x-hub-signature-256": signature}, body))


@pytest.mark.parametrize("headers", [
    {}, {"x-hub-signature-256": "sha256="}, {"x-hub-signature-256": "sha256=ờ"},
    {"x-hub-signature": "sha1=" + hmac.new(b"s3cret", BODY, hashlib.sha1).hexdigest()},
])  # fmt: skip
def test_what_is_not_believed(headers: dict[str, str]) -> None:
    assert not messenger().verify(post(headers))


def test_without_a_secret_nothing_is_believed() -> None:
    empty = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    page = Messenger("", "", "t", "5005")
    assert not page.verify(post({"x-hub-signature-256": f"sha256={empty}"}))
    asked = {"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "1"}
    assert not page.verify(Webhook(method="GET", headers={}, query=asked, body=b""))


async def test_the_handshake(wire: PageWire) -> None:
    assert await wire.fake.handshake(wire.hook, "verify-me")
    assert wire.parsed == [Parsed(answer=b"1158201444", answer_type="text/plain")]
    assert not await wire.fake.handshake(wire.hook, "guessed")
    wrong_mode = {"hub.mode": "unsubscribe", "hub.verify_token": "verify-me"}
    assert not messenger().verify(Webhook(method="GET", headers={}, query=wrong_mode, body=b""))


# --- sending ---


async def test_every_kind_of_message_is_taken(wire: PageWire) -> None:
    await wire.fake.says(CHAT, "con ơi")
    await wire.send(CHAT, "Được chưa bác?", **choices("Được rồi", "Chưa được"))
    await wire.send(CHAT, "dạ " * 3000, **choices(*"123456789"))
    await wire.send(CHAT, "Bác bị gì ạ?", **choices("Máy báo không đủ bộ nhớ", "Không tìm thấy ứng dụng"))
    await wire.send(CHAT, "Chọn giúp con", **choices(*[f"Việc {number}" for number in range(1, 15)]))
    await wire.send(CHAT, "Số điện thoại của bác?", ask="phone", **choices("Bỏ qua"))
    photo = Attachment(kind="photo", ref="media:7", name="nút.png")
    receipts = await wire.send(CHAT, "Bấm nút này", attachments=(photo,), **choices("Rồi", "Chưa"))
    assert [receipt.remote_id[:3] for receipt in receipts] == ["m_o", "m_o"]
    assert wire.fake.called("messages")[-2].files == {"filedata": ("nút.png", PHOTO)}
    await wire.send(CHAT, attachments=tuple(
        Attachment(kind=kind, ref="https://f.example/x") for kind in ("photo", "voice", "video", "file", "sticker")
    ))  # fmt: skip
    assert wire.fake.messages[CHAT][-6]["attachment"]["payload"]["template_type"] == "button"
    assert [type(event) for event in wire.happened] == [Inbound]  # of our own echoes nothing is heard


async def test_presses_come_back_as_choices(wire: PageWire) -> None:
    await wire.fake.says(CHAT, "con ơi")
    await wire.send(CHAT, "Được chưa bác?", **choices("Được rồi", "Chưa được"))
    await wire.fake.press(CHAT, "Chưa được")
    await wire.send(CHAT, "Xong bước này chưa?", **choices("Rồi", "Chưa", "Gặp người", "Quay lại"))
    await wire.fake.press(CHAT, "Quay lại")
    await wire.send(CHAT, "Bác bị gì ạ?", **choices("Máy báo không đủ bộ nhớ", "Không tìm thấy ứng dụng"))
    await wire.fake.press(CHAT, "2")
    pressed = [event.choice for event in wire.happened if isinstance(event, Inbound)]
    assert pressed == [None, "4.2", "4.4", "4.2"]


async def test_the_window_and_who_may_write_after_it(wire: PageWire) -> None:
    await wire.fake.says(CHAT, "con ơi")
    wire.fake.later(hours=25)
    for late in ({}, {"late": True}, {"human": True}):
        with pytest.raises(SendError) as refused:
            await wire.send(CHAT, "Bác còn đó không?", **late)
        assert (refused.value.window, refused.value.permanent) == (True, True)
    with pytest.raises(SendError) as refused:
        await wire.send(CHAT, "Chị Lan đây bác", human=True, late=True)
    assert refused.value.misconfigured
    wire.fake.human_agent = True
    await wire.send(CHAT, "Chị Lan đây bác", human=True, late=True)
    wire.fake.later(hours=6 * 24)
    with pytest.raises(SendError) as refused:
        await wire.send(CHAT, "Chị Lan đây bác", human=True, late=True)
    assert refused.value.window


async def test_what_messenger_refuses_says_what_to_do(wire: PageWire) -> None:
    with pytest.raises(SendError) as refused:
        await wire.send("9", "dạ")
    assert refused.value.blocked
    await wire.fake.says(CHAT, "con ơi")
    wire.fake.blocked.add(CHAT)
    with pytest.raises(SendError) as refused:
        await wire.send(CHAT, "dạ")
    assert refused.value.blocked
    wire.fake.blocked.clear()
    wire.fake.fail("messages", 400, {"error": {"code": 100, "message": "x"}})
    with pytest.raises(SendError) as refused:
        await wire.send(CHAT, "Được chưa?", **choices("Rồi", "Chưa"))
    assert refused.value.degrade
    await wire.send(CHAT, "Được chưa?", plain=True, **choices("Rồi", "Chưa"))
    assert wire.fake.messages[CHAT][-1] == {"text": "Được chưa?\n\n1. Rồi\n2. Chưa\n(Bác nhắn số giúp con)"}
    wire.channel = messenger("wrong")
    with pytest.raises(SendError, match="token") as refused:
        await wire.send(CHAT, "dạ")
    assert refused.value.misconfigured


def test_the_token_is_in_no_repr() -> None:
    photo = Attachment(kind="photo", ref="media:7")
    calls = messenger("p&ge-token").render(Outgoing(chat=CHAT, text="dạ", attachments=(photo,)))
    assert all(call.path == "/v25.0/me/messages?access_token=p%26ge-token" for call in calls)
    assert "token" not in repr(calls)


async def test_the_calls_beside_messages_are_known_to_meta(wire: PageWire) -> None:
    await wire.fake.says(CHAT, "con ơi")
    page = wire.channel
    calls = [page.typing(CHAT), page.set_profile("404"), page.subscribe("404"), page.pass_thread(CHAT)]
    for call in calls:
        assert (await wire.receipt(call)).remote_id == ""
        assert not call.carries
    assert wire.fake.profile["get_started"] == {"payload": GET_STARTED}
    assert "message_echoes" in wire.fake.subscribed
    with pytest.raises(SendError):
        await wire.send(CHAT, "dạ")  # the inbox has the talk
    await wire.receipt(page.take_thread(CHAT))
    assert len(await wire.send(CHAT, "dạ")) == 1
    entries = wire.fake.profile["persistent_menu"][0]["call_to_actions"]
    assert len(entries) == 3  # more are not shown everywhere
    await wire.fake.happens(CHAT, postback={"title": entries[1]["title"], "payload": entries[1]["payload"]})
    assert isinstance(wire.happened[-1], Inbound)
    assert SAYS + wire.happened[-1].text == entries[1]["payload"]


# --- hearing ---


async def test_a_person_in_the_page_inbox_takes_over(wire: PageWire) -> None:
    await wire.fake.says(CHAT, "Dạ con ơi / @")
    assert await wire.fake.inbox_says(CHAT, "Chị Lan đây bác") == 200
    await wire.fake.says(CHAT, "cám ơn cô")
    said, taken = wire.happened
    assert isinstance(said, Inbound)
    assert said.text == "Dạ con ơi / @"
    assert taken == TakenOver(channel="messenger", chat=CHAT, text="Chị Lan đây bác", message_id="m_o2")
    assert wire.parsed[-1] == Parsed(key="m_u3", unknown="standby")
    wire.fake.app_secret = "another"
    assert await wire.fake.says(CHAT, "giả mạo") == 403


def test_a_repeat_in_other_company_has_the_same_keys() -> None:
    def event(number: int) -> dict[str, Any]:
        message = {"mid": f"m_{number}", "text": "x"}
        return {"sender": {"id": CHAT}, "recipient": {"id": "404"}, "timestamp": 1, "message": message}

    bare = {"sender": {"id": CHAT}, "recipient": {"id": "404"}, "timestamp": 1, "postback": {"payload": "4.1"}}

    def keys(*events: dict[str, Any]) -> tuple[str, ...]:
        body = {"object": "page", "entry": [{"id": "404", "messaging": events}]}
        return messenger().parse(post({}, json.dumps(body).encode())).keys

    assert keys(event(1), bare, event(2)) == (*keys(event(1)), *keys(bare), *keys(event(2)))
    assert keys(bare) != keys(bare | {"timestamp": 2})
    assert keys(bare) != keys(bare | {"postback": {"payload": "4.2"}})


# --- the fake ---


@pytest.mark.parametrize("message", [
    {}, {"text": " "}, {"text": "x" * 2001}, {"txt": "x"}, {"text": "x", "attachment": {}},
    {"text": "x", "quick_replies": []},
    {"text": "x", "quick_replies": [{"content_type": "location"}]},
    {"text": "x", "quick_replies": [{"content_type": "text", "title": "x" * 21, "payload": "x"}]},
    {"text": "x", "quick_replies": [{"content_type": "text", "title": "x", "payload": "x"}] * 14},
    {"attachment": {"type": "sticker", "payload": {"url": "https://f.example/x"}}},
    {"attachment": {"type": "image", "payload": {}}},
    {"attachment": {"type": "template", "payload": {"template_type": "button", "text": "x", "buttons": []}}},
])  # fmt: skip
async def test_the_fake_refuses_what_meta_would(wire: PageWire, message: Any) -> None:
    await wire.fake.says(CHAT, "con ơi")
    (call,) = wire.channel.render(Outgoing(chat=CHAT, text="dạ"))
    body = json.dumps(json.loads(call.body) | {"message": message}).encode()
    status, answer = await wire.post(Call(path=call.path, body=body))
    assert (status, json.loads(answer)["error"]["code"]) == (400, 100)


@pytest.mark.parametrize("changed", [{"messaging_type": None}, {"tag": "HUMAN_AGENT"}, {"recipient": {"id": 2001}}])
async def test_the_fake_refuses_a_wrong_envelope(wire: PageWire, changed: Any) -> None:
    await wire.fake.says(CHAT, "con ơi")
    (call,) = wire.channel.render(Outgoing(chat=CHAT, text="dạ"))
    status, _ = await wire.post(Call(path=call.path, body=json.dumps(json.loads(call.body) | changed).encode()))
    assert status == 400


def test_two_pages_of_one_app_are_two_talks() -> None:
    """Each is answered with its own page's token; nobody sees the other's."""
    channel = Messenger("s3cret", "xin-chao", "1:first", "5005", other_pages={"505": "2:other"})
    event = {"sender": {"id": CHAT}, "timestamp": 1_795_255_200_000, "message": {"mid": "m_1", "text": "dạ"}}
    for page, chat, token in (("404", CHAT, "1%3Afirst"), ("505", f"{CHAT}@505", "2%3Aother")):
        entry = {"id": page, "messaging": [event | {"recipient": {"id": page}}]}
        body = json.dumps({"object": "page", "entry": [entry]})
        (said,) = channel.parse(Webhook(method="POST", headers={}, query={}, body=body.encode())).happened
        assert isinstance(said, Inbound)
        assert (said.chat, said.sender) == (chat, CHAT)
        (call,) = channel.render(Outgoing(chat=chat, text="dạ"))
        assert call.path.endswith(f"access_token={token}")
        assert json.loads(call.body)["recipient"] == {"id": CHAT}
