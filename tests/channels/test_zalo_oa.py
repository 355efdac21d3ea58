"""The Zalo OA channel and its OAuth against the fake over HTTP, and the ways in which Zalo is said to sign."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ServerDisconnectedError

from bot.channel import Call, Outgoing, Receipt, SendError, Webhook
from bot.channels.zalo_oa import Buttons, ZaloOa
from bot.model import Attachment, Choice, Contact, Inbound, Reached, TakenOver, Withdrawn
from bot.zalo_oauth import Tokens, consent_url, pkce, refresh_call, token_call, tokens
from tests.channels.wire import PHOTO, Wire
from tests.fakes.zalo_oa import FakeZaloOa

CHAT = "2001@9001"
VERIFIER = "a" * 43
YES_NO: dict[str, Any] = {
    "choices": (Choice(id="done", label="Được rồi"), Choice(id="stuck", label="Chưa được")),
    "choice_ids": ("4.1", "4.2"),
}
KEYS = {"9001": "oa-key", "9002": "other-key"}


class ZaloWire(Wire):
    fake: FakeZaloOa

    def renew(self, buttons: Buttons = "off") -> None:
        self.channel = ZaloOa("7001", KEYS, {"9001": self.fake.granted()}, {"9001": buttons})


@pytest.fixture
async def wire() -> AsyncIterator[ZaloWire]:
    async with FakeZaloOa() as fake, ZaloWire(ZaloOa("7001", KEYS, {}), fake) as wire:
        wire.renew()
        fake.webhook_url = wire.hook
        yield wire


# --- signatures ---

BODY = '{"app_id":"7001","event_name":"user_send_text","timestamp":"1795255200000","message":{"text":"Dạ"}}'.encode()


def signed(first: str, stamp: str, key: str, body: bytes = BODY) -> dict[str, str]:
    mac = hashlib.sha256(first.encode() + body + stamp.encode() + key.encode()).hexdigest()
    return {"x-zevent-signature": f"mac={mac}", "x-zevent-timestamp": "1795255200777"}


def post(headers: dict[str, str], body: bytes = BODY) -> Webhook:
    return Webhook(method="POST", headers=headers, query={}, body=body)


@pytest.mark.parametrize(("first", "stamp", "key", "variant"), [
    ("7001", "1795255200000", "oa-key", "app_id/body"),
    ("7001", "1795255200777", "oa-key", "app_id/header"),
    ("9001", "1795255200000", "oa-key", "oa_id/body"),
    ("9001", "1795255200777", "oa-key", "oa_id/header"),
    ("7001", "1795255200000", "other-key", "app_id/body"),
    ("9002", "1795255200000", "other-key", "oa_id/body"),
    ("9002", "1795255200000", "oa-key", ""),
    ("7001", "1795255200000", "app-key", ""),
    ("7001", "1795255200001", "oa-key", ""),
    ("7001", "", "oa-key", ""),
    ("7001", "1795255200000", "", ""),
])  # fmt: skip
def test_the_ways_of_signing(first: str, stamp: str, key: str, variant: str) -> None:
    zalo = ZaloOa("7001", KEYS | {"9003": ""}, {})
    came = post(signed(first, stamp, key))
    assert zalo.matched(came) == variant
    assert zalo.verify(came) is bool(variant)


@pytest.mark.parametrize(("given", "believed"), [
    ("mac={}", True), ("{}", True), ("mac = {} ", True), ("MAC={}", True), ("mac={}0", False), ("mac=", False),
    ("mac=ờ", False),
])  # fmt: skip
def test_how_the_signature_may_be_written(given: str, believed: bool) -> None:
    mac = signed("7001", "1795255200000", "oa-key")["x-zevent-signature"].removeprefix("mac=")
    assert ZaloOa("7001", KEYS, {}).verify(post({"x-zevent-signature": given.format(mac)})) is believed


def test_one_changed_byte_is_not_believed() -> None:
    headers = signed("7001", "1795255200000", "oa-key")
    assert not ZaloOa("7001", KEYS, {}).verify(post(headers, BODY.replace(b"7001", b"7002")))


#: app id, key, sum, body; the sum is coreutils' sha256sum
OWN = ("7001", "oa-key", "445e54a2a32b26476e91944d71f1709fd5f2dbc6ca0d6ac3865fa2c1fb206d0b", BODY)


def vectors() -> list[tuple[str, str, str, bytes]]:
    """More of them, other programs' sums too, where the project's collection is at hand."""
    folder = Path(__file__).parents[3] / "shared" / "reference" / "fixtures"
    if not folder.exists():
        return [OWN]
    listed = json.loads((folder / "signature_vectors.json").read_text("utf-8"))["zalo_oa"]
    more = [(one["app_id"], one["oa_secret"], one["mac"], one["file"]) for one in listed]
    more += [
        ("appID", "oaSecret", mac, f"zalo_oa/zgo_{name}_tag.json")
        for name, mac in (
            ("remove_user_from", "315f0bb0c84fa87c816e302a590f5d26e6112a950c81bf28fb6b795130a19d09"),
            ("add_user_to", "f0866f93f29edf589f83fb9edb3b57c47fc34eef8bfd71dd6a00daa517382007"),
        )
    ]
    return [OWN, *((app_id, key, mac, (folder / file).read_bytes()) for app_id, key, mac, file in more)]


@pytest.mark.parametrize(("app_id", "key", "mac", "body"), vectors())
def test_known_signatures(app_id: str, key: str, mac: str, body: bytes) -> None:
    zalo = ZaloOa(app_id, {"1": key}, {})
    assert zalo.matched(post({"x-zevent-signature": f"mac={mac}"}, body)) == "app_id/body"
    assert not zalo.verify(post({"x-zevent-signature": f"mac={mac}"}, body + b" "))


def test_a_probe_passes_and_says_nothing() -> None:
    zalo = ZaloOa("7001", KEYS, {})
    for came in (post({}, b"{}"), post({}, b" {}\n"), Webhook(method="GET", headers={}, query={}, body=b"")):
        assert zalo.verify(came)
        assert zalo.parse(came).happened == ()
    assert not zalo.verify(post({}, b'{"x":{}}'))


# --- sending ---


async def test_every_kind_of_message_is_taken(wire: ZaloWire) -> None:
    await wire.fake.says("2001", "con ơi")
    assert [one.quota for one in await wire.send(CHAT, "Được chưa bác?", **YES_NO)] == ["reply"]
    await wire.send(CHAT, "dạ " * 3000)
    photo, form = Attachment(kind="photo", ref="media:7"), Attachment(kind="file", ref="media:8", name="đơn.pdf")
    await wire.send(CHAT, "Bấm nút này", attachments=(photo,))
    await wire.send(CHAT, "Đơn đây bác", attachments=(form, photo))
    await wire.send(CHAT, "Số điện thoại của bác?", ask="phone")
    await wire.send(CHAT, "Bác ở đâu ạ?", ask="location")
    shown = wire.fake.messages["2001"]
    assert shown[0]["text"].endswith("1. Được rồi\n2. Chưa được\n(Bác nhắn số giúp con)")
    assert [len(one.get("text", "")) > 1800 for one in shown[1:6]] == [True] * 4 + [False]
    captioned = next(one for one in shown if one.get("text") == "Bấm nút này")
    uploaded = captioned["attachment"]["payload"]["elements"][0]["attachment_id"]
    assert wire.fake.uploads[uploaded][1] == PHOTO
    assert len(wire.fake.called("upload/image")) == 2
    assert len(wire.fake.called("upload/file")) == 1
    assert not wire.happened[1:]  # of our own echoes and receipts nothing is heard


async def test_a_name_is_asked_for(wire: ZaloWire) -> None:
    assert isinstance(wire.channel, ZaloOa)
    call = wire.channel.profile(CHAT)
    with pytest.raises(SendError):
        wire.channel.display_name(call, *await wire.post(call))
    await wire.fake.says("2001", "con ơi")
    assert wire.channel.display_name(call, *await wire.post(call)) == "Person 2001"


async def test_a_visitor_of_the_widget_and_a_reaction(wire: ZaloWire) -> None:
    await wire.send("1ff/fa8@9001", "Dạ")
    assert wire.fake.messages["1ff"] == [{"text": "Dạ"}]
    assert isinstance(wire.channel, ZaloOa)
    call = wire.channel.react(CHAT, "u1")
    assert not call.carries
    assert await wire.receipt(call) == Receipt(remote_id="")


@pytest.mark.parametrize("form", ["form1", "form3"])
async def test_buttons_where_they_work(wire: ZaloWire, form: Buttons) -> None:
    wire.fake.buttons = form
    wire.renew(form)
    await wire.fake.says("2001", "con ơi")
    await wire.send(CHAT, "Được chưa bác?", **YES_NO)
    await wire.fake.press("2001", "Chưa được")
    pressed = wire.happened[-1]
    assert isinstance(pressed, Inbound)
    assert (pressed.choice, pressed.text) == ("4.2", "")
    many = {"choices": YES_NO["choices"] * 3, "choice_ids": tuple(f"5.{n}" for n in range(1, 7))}
    await wire.send(CHAT, "Chọn giúp con", **many)
    assert "6. Chưa được" in wire.fake.messages["2001"][-1]["text"]


@pytest.mark.parametrize("form", ["form1", "form3"])
async def test_refused_buttons_degrade_to_numbers(wire: ZaloWire, form: Buttons) -> None:
    wire.renew(form)
    await wire.fake.says("2001", "con ơi")
    with pytest.raises(SendError) as refused:
        await wire.send(CHAT, "Được chưa bác?", **YES_NO)
    assert refused.value.degrade
    assert "2001" not in wire.fake.messages
    await wire.send(CHAT, "Được chưa bác?", plain=True, **YES_NO)
    assert "2. Chưa được" in wire.fake.messages["2001"][-1]["text"]


async def test_the_window(wire: ZaloWire) -> None:
    with pytest.raises(SendError) as refused:
        await wire.send(CHAT, "dạ")
    assert refused.value.window
    await wire.fake.happens("follow", "2001", oa_id="9001", follower={"id": "2001"})
    assert wire.happened == [Reached(channel="zalo_oa", chat=CHAT, reachable=True)]
    wire.fake.later(hours=49)
    wire.renew()
    assert [one.quota for one in await wire.send(CHAT, "dạ")] == ["paid"]
    wire.fake.later(hours=6 * 24)
    wire.renew()
    with pytest.raises(SendError) as refused:
        await wire.send(CHAT, "dạ")
    assert (refused.value.window, refused.value.permanent) == (True, True)


async def test_a_worn_out_token_and_no_token(wire: ZaloWire) -> None:
    await wire.fake.says("2001", "con ơi")
    wire.fake.later(hours=26)
    with pytest.raises(SendError) as refused:
        await wire.send(CHAT, "dạ")
    assert (refused.value.token, refused.value.permanent) == (True, False)
    with pytest.raises(SendError) as refused:
        await wire.send("2001@9002", "dạ")
    assert refused.value.token
    wire.renew()
    assert len(await wire.send(CHAT, "dạ")) == 1


async def test_too_big_a_photo_is_refused_before_anything_is_shown(wire: ZaloWire) -> None:
    await wire.fake.says("2001", "con ơi")
    with pytest.raises(SendError, match="-210"):
        await wire.send(CHAT, "Coi nè", attachments=(Attachment(kind="photo", ref="media:9"),))
    assert "2001" not in wire.fake.messages


def test_an_upload_is_awaited_by_the_message_it_belongs_to() -> None:
    photo = Attachment(kind="photo", ref="media:7")
    upload, message = ZaloOa("7001", KEYS, {}).render(Outgoing(chat=CHAT, text="", attachments=(photo,)))
    assert upload.gives
    assert not upload.carries
    assert upload.gives in message.body.decode()


def test_a_token_is_in_no_repr() -> None:
    calls = ZaloOa("7001", KEYS, {"9001": "t0ken"}).render(Outgoing(chat=CHAT, text="dạ"))
    assert dict(calls[0].headers) == {"access_token": "t0ken"}
    assert "t0ken" not in repr(calls)


# --- hearing ---


async def test_what_is_heard(wire: ZaloWire) -> None:
    await wire.fake.says("2001", "con ơi")
    assert await wire.fake.admin_says("2001", "Chị Lan đây bác") == 200
    await wire.fake.happens("user_submit_info", "2001", info={"name": "Hai", "phone": "84900000001"})
    await wire.fake.happens("user_withdraw", "2001", oa_id="9001", user_id="2001")
    said, taken, submitted, withdrawn = wire.happened
    assert isinstance(said, Inbound)
    assert (said.text, said.chat) == ("con ơi", CHAT)
    assert taken == TakenOver(channel="zalo_oa", chat=CHAT, admin="8001", text="Chị Lan đây bác", message_id="o3")
    assert isinstance(submitted, Inbound)
    assert submitted.contact == Contact(phone="84900000001", own=True)
    assert withdrawn == Withdrawn(channel="zalo_oa", chat=CHAT)
    wire.fake.secret = "another"
    assert await wire.fake.says("2001", "giả mạo") == 403


@pytest.mark.parametrize("signing", ["app_id/body", "app_id/header", "oa_id/body", "oa_id/header"])
async def test_webhooks_signed_in_any_way(wire: ZaloWire, signing: str) -> None:
    wire.fake.signing = signing
    assert await wire.fake.says("2001", "Dạ con chào") == 200


def test_a_text_is_cut_at_16000() -> None:
    event = {"event_name": "user_send_text", "sender": {"id": "1"}, "recipient": {"id": "9001"}}
    body = json.dumps(event | {"message": {"msg_id": "m", "text": "x" * 16_001}}).encode()
    (said,) = ZaloOa("7001", KEYS, {}).parse(post({}, body)).happened
    assert isinstance(said, Inbound)
    assert said.text == "x" * 16_000


# --- OAuth ---


async def got(wire: ZaloWire, call: Call) -> Tokens:
    status, body = await wire.post(call)
    assert status == 200
    return tokens(body)


def test_the_consent_link_and_its_challenge() -> None:
    # RFC 7636, appendix B
    assert pkce("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    link = consent_url("7001", "https://gocua.example/zalo/callback", "c", "s&1")
    assert link == (
        "https://oauth.zaloapp.com/v4/oa/permission?app_id=7001&"
        "redirect_uri=https%3A%2F%2Fgocua.example%2Fzalo%2Fcallback&code_challenge=c&state=s%261"
    )
    with pytest.raises(ValueError, match="43"):
        pkce("short")


async def test_a_refresh_token_works_once(wire: ZaloWire) -> None:
    code = wire.fake.consent(pkce(VERIFIER))
    first = await got(wire, token_call("7001", "app-key", code, VERIFIER))
    assert first.expires_in_s == 90_000
    second = await got(wire, refresh_call("7001", "app-key", first.refresh))
    assert second.access != first.access
    with pytest.raises(SendError, match=r"-14020.*consent again") as refused:
        await got(wire, refresh_call("7001", "app-key", first.refresh))
    assert refused.value.misconfigured
    assert "refresh" not in repr(second).replace("expires", "")


@pytest.mark.parametrize(("call", "code"), [
    (token_call("7001", "app-key", "none", VERIFIER), -14014),
    (token_call("7001", "wrong", "none", VERIFIER), -14004),
    (token_call("7002", "app-key", "none", VERIFIER), -14002),
    (refresh_call("7001", "app-key", "none"), -14014),
])  # fmt: skip
async def test_what_oauth_refuses(wire: ZaloWire, call: Call, code: int) -> None:
    with pytest.raises(SendError, match=str(code)) as refused:
        await got(wire, call)
    assert refused.value.misconfigured


async def test_a_code_lives_ten_minutes_and_knows_its_verifier(wire: ZaloWire) -> None:
    for verifier, hours in (("b" * 43, 0.0), (VERIFIER, 0.2)):
        code = wire.fake.consent(pkce(VERIFIER))
        wire.fake.later(hours=hours)
        with pytest.raises(SendError, match="-14014"):
            await got(wire, token_call("7001", "app-key", code, verifier))


async def test_a_lost_refresh_has_used_up_the_token(wire: ZaloWire) -> None:
    first = await got(wire, token_call("7001", "app-key", wire.fake.consent(pkce(VERIFIER)), VERIFIER))
    wire.fake.fail("oauth", 0, done=True)
    with pytest.raises(ServerDisconnectedError):
        await wire.post(refresh_call("7001", "app-key", first.refresh))
    with pytest.raises(SendError, match="-14020"):
        await got(wire, refresh_call("7001", "app-key", first.refresh))


@pytest.mark.parametrize("body", [
    b"", b"<html>", b"[]", b"{}", b'{"access_token":"a","refresh_token":"b"}',
    b'{"access_token":"","refresh_token":"b","expires_in":"90000"}',
    b'{"access_token":"a","refresh_token":7,"expires_in":"90000"}',
    b'{"access_token":"a","refresh_token":"b","expires_in":"soon"}',
])  # fmt: skip
def test_an_odd_answer_about_tokens_is_uncertain(body: bytes) -> None:
    with pytest.raises(SendError) as refused:
        tokens(body)
    assert refused.value.uncertain


@pytest.mark.parametrize("expires", ["90000", 90000])
def test_tokens_whatever_the_type_of_their_time(expires: object) -> None:
    body = json.dumps({"access_token": "a", "refresh_token": "b", "expires_in": expires}).encode()
    assert tokens(body) == Tokens(access="a", refresh="b", expires_in_s=90_000)


@pytest.mark.parametrize("error", [-14002, -14003, -14004, -14014, -14020, -1, "x"])
def test_every_refusal_of_oauth_is_for_a_person(error: object) -> None:
    with pytest.raises(SendError) as refused:
        tokens(json.dumps({"error": error, "error_name": "says Zalo"}).encode())
    assert (refused.value.misconfigured, refused.value.permanent) == (True, True)


# --- the fake ---


@pytest.mark.parametrize(("message", "code"), [
    ({"text": " "}, -201),
    ({"text": "x" * 2001}, -210),
    ({"text": "Ba\u0301c"}, -201),
    ({"txt": "x"}, -201),
    ({}, -201),
    ({"attachment": {"type": "audio", "payload": {}}}, -233),
    ({"attachment": {"type": "file", "payload": {"token": "none"}}}, -100),
    ({"text": "x", "attachment": {"type": "file", "payload": {"token": "none"}}}, -201),
    ({"attachment": {"type": "template", "payload": {"template_type": "button"}}}, -201),
    ({"attachment": {"type": "template", "payload": {"template_type": "media", "elements": [{}]}}}, -201),
    ({"text": "x", "attachment": {"type": "template", "payload": {"buttons": []}}}, -233),
])  # fmt: skip
async def test_the_fake_refuses_what_zalo_would(wire: ZaloWire, message: Any, code: int) -> None:
    await wire.fake.says("2001", "con ơi")
    (call,) = wire.channel.render(Outgoing(chat=CHAT, text="dạ"))
    body = json.dumps({"recipient": {"user_id": "2001"}, "message": message}).encode()
    status, answer = await wire.post(Call(path=call.path, body=body, headers=call.headers))
    assert (status, json.loads(answer)["error"]) == (200, code)


async def test_the_fake_refuses_the_old_api_and_strange_tokens(wire: ZaloWire) -> None:
    (call,) = wire.channel.render(Outgoing(chat=CHAT, text="dạ"))
    status, answer = await wire.post(Call(path="/v2.0/oa/message", body=call.body, headers=call.headers))
    assert json.loads(answer)["error"] == -240
    status, answer = await wire.post(Call(path=call.path, body=call.body, headers=(("access_token", "no"),)))
    assert (status, json.loads(answer)["error"]) == (200, -216)
