"""The Telegram channel against the fake Bot API over HTTP: what it writes is taken, and a lost answer is found."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, FormData, ServerDisconnectedError, web
from telegram import Bot, Message, Update

from bot.channel import Call, Outgoing, Parsed, Receipt, SendError, Webhook
from bot.channels._wire import word
from bot.channels.telegram import Telegram
from bot.model import Attachment, Choice, Inbound, Reached
from tests.fakes.telegram import FakeTelegram

RESIDENT, OTHER, TEAM = 2001, 2002, -1009
MEDIA = {"media:7": b"a photo"}
YES_NO: dict[str, Any] = {
    "choices": (Choice(id="done", label="Được rồi"), Choice(id="stuck", label="Chưa được")),
    "choice_ids": ("4.1", "4.2"),
}
PICTURED: dict[str, Any] = YES_NO | {"attachments": (Attachment(kind="photo", ref="media:7"),)}


class Wire:
    """Carries out Calls as a sender does."""

    def __init__(self, telegram: Telegram, fake: FakeTelegram, client: ClientSession) -> None:
        self.telegram, self.fake, self.client = telegram, fake, client

    async def post(self, call: Call) -> tuple[int, bytes]:
        sent: dict[str, Any] = {"data": call.body, "headers": {"content-type": "application/json"}}
        if call.upload:
            form = FormData(json.loads(call.body), quote_fields=False)
            form.add_field(call.upload.field, MEDIA[call.upload.ref], filename=call.upload.name)
            sent = {"data": form}
        async with self.client.post(self.fake.base_url + call.path, **sent) as response:
            return response.status, await response.read()

    async def send(self, **fields: Any) -> list[Receipt]:
        calls = self.telegram.render(Outgoing(**({"chat": str(RESIDENT)} | fields)))
        return [self.telegram.receipt(call, *await self.post(call)) for call in calls]


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with FakeTelegram("1:fake") as fake, ClientSession() as client:
        yield Wire(Telegram("1:fake", "s3cret", team_chat=str(TEAM)), fake, client)


def webhook(body: bytes, secret: str = "s3cret") -> Webhook:
    return Webhook(method="POST", headers={"x-telegram-bot-api-secret-token": secret}, query={}, body=body)


@pytest.mark.parametrize(("secret", "given", "believed"), [
    ("s3cret", "s3cret", True), ("s3cret", "s3cre", False), ("s3cret", "bí mật", False), ("", "", False),
])  # fmt: skip
def test_only_the_secret_is_believed(secret: str, given: str, believed: bool) -> None:
    assert Telegram("1:fake", secret).verify(webhook(b"{}", given)) is believed


FOLDER = Path(__file__).parent / "telegram" / "webhooks"
BODIES = [json.loads(path.read_text(encoding="utf-8"))["body"] for path in sorted(FOLDER.iterdir())]
HEARD = [
    (body, heard)
    for body in BODIES
    for heard in Telegram("1:fake", "s3cret", str(TEAM)).parse(webhook(json.dumps(body).encode())).happened
]


@pytest.mark.parametrize(("body", "ours"), HEARD)
def test_another_reader_sees_the_same(body: dict[str, Any], ours: Inbound | Reached) -> None:
    """python-telegram-bot knows every object of the Bot API; ours reads of them only what a talk needs."""
    theirs: Any = Update.de_json(body, None)
    assert str(theirs.effective_chat.id) == ours.chat
    if not isinstance(ours, Inbound):
        return
    message, press, sender = theirs.effective_message, theirs.callback_query, theirs.effective_user
    said = press.data if press else word(message.text or message.caption or "")
    assert (ours.choice or ours.text, ours.sent_at) == (said, message.date)
    assert (ours.sender, ours.sender_name) == (str(sender.id), sender.full_name)
    if not press:
        file = message.effective_attachment
        file = max(file, key=lambda one: one.width) if isinstance(file, tuple) else file
        assert [one.ref for one in ours.attachments] == ([file.file_id] if hasattr(file, "file_id") else [])


def test_no_team_chat_means_no_group_is_heard() -> None:
    update = {"message_id": 1, "from": {"id": 5, "is_bot": False, "first_name": "A"}, "date": 1, "text": "x"}
    body = {"update_id": 1, "message": update | {"chat": {"id": TEAM, "type": "supergroup", "title": "x"}}}
    assert Telegram("1:fake", "s3cret").parse(webhook(json.dumps(body).encode())) == Parsed(key="1")


PERSON = {"id": 5, "is_bot": False, "first_name": "A"}
SAID = {"message_id": 1, "from": PERSON, "chat": {"id": 5, "type": "private"}, "date": 1}


def heard(**said: Any) -> Parsed:
    return Telegram("1:fake", "s3cret").parse(webhook(json.dumps({"update_id": 1, "message": SAID | said}).encode()))


@pytest.mark.parametrize(("given", "read"), [
    (2**31, 2**31), ("77", 77), (2**63, 0), (10**25, 0), (-1, 0), (1.5, 0), (float("inf"), 0), (True, 0), ({}, 0),
    ("9" * 5000, 0), (str(2**63), 0),
])  # fmt: skip
def test_the_size_of_a_file_is_a_number_that_can_be_stored(given: Any, read: int) -> None:
    [said] = heard(document={"file_id": "f", "file_size": given}).happened
    assert isinstance(said, Inbound)
    assert said.attachments == (Attachment(kind="file", ref="f", size_bytes=read),)


def test_of_sizes_that_are_none_some_photo_is_taken() -> None:
    photos = [{"file_id": "a", "width": 1, "height": 10**30}, {"file_id": "b", "width": 2, "height": 2},
              {"file_id": "c", "width": "ab", "height": 3}]  # fmt: skip
    [said] = heard(photo=photos).happened
    assert isinstance(said, Inbound)
    assert [one.ref for one in said.attachments] == ["b"]


@pytest.mark.parametrize("said", [
    {"location": {"latitude": float("nan"), "longitude": 106.6}},
    {"location": {"latitude": 10.9, "longitude": float("-inf")}},
    {"location": {"latitude": "nan", "longitude": 106.6}},
    {"location": {"latitude": 1e300, "longitude": 106.6}},
    {"text": "alo", "chat": {"id": 10**30, "type": "private"}},
    {"text": "alo", "message_id": 2**64},
    {"text": "alo\ud83d", "message_id": 10**4000},
    {"text": "alo", "date": float("nan")},
    {"text": "alo", "date": 10**30},
])  # fmt: skip
def test_numbers_that_nothing_can_hold_are_malformed(said: Any) -> None:
    assert heard(**said) == Parsed(key="1", unknown="malformed")


def test_a_text_is_cut_at_16000() -> None:
    person = {"id": 5, "is_bot": False, "first_name": "A"}
    message = {"message_id": 1, "from": person, "chat": {"id": 5, "type": "private"}, "date": 1, "text": "x" * 16_001}
    (heard,) = (
        Telegram("1:fake", "s").parse(webhook(json.dumps({"update_id": 1, "message": message}).encode())).happened
    )
    assert isinstance(heard, Inbound)
    assert heard.text == "x" * 16_000


@pytest.mark.parametrize("choice_id", ["", "ờ" * 22])
def test_a_choice_id_telegram_would_refuse_is_named(choice_id: str) -> None:
    choices = {"choices": (Choice(id="done", label="Rồi"),), "choice_ids": (choice_id,)}
    with pytest.raises(ValueError, match="64 bytes"):
        Telegram("1:fake", "s").render(Outgoing(chat="1", text="x", **choices))  # type: ignore[arg-type]


async def test_every_kind_of_message_is_taken(wire: Wire) -> None:
    assert await wire.send(text="Được chưa bác?", **YES_NO) == [Receipt(remote_id="1")]
    assert await wire.send(text="Bác ở đâu ạ?", ask="location") == [Receipt(remote_id="2")]
    assert await wire.send(text="dạ " * 3000) == [Receipt(remote_id=str(number)) for number in (3, 4, 5)]
    photo = Attachment(kind="photo", ref="media:7", name="nút.jpg")
    await wire.send(text="Bấm nút này", attachments=(photo,), **YES_NO)
    await wire.send(text="Xong rồi", edits="1")
    first, second, *_, last = wire.fake.sent(RESIDENT)
    assert first["text"] == "Xong rồi"
    assert "reply_markup" not in first
    assert wire.fake.keyboard(second)["keyboard"] == [[{"text": "📍 Gửi vị trí", "request_location": True}]]
    assert last["caption"] == "Bấm nút này"
    assert last["reply_markup"]["inline_keyboard"][0][1] == {"text": "Chưa được", "callback_data": "4.2"}
    assert wire.fake.calls[-2].files == {"photo": ("nút.jpg", b"a photo")}


async def test_an_edit_that_changes_nothing_has_succeeded(wire: Wire) -> None:
    await wire.send(text="Xong", **YES_NO)
    assert await wire.send(text="Xong", edits="1", **YES_NO) == [Receipt(remote_id="1")]
    with pytest.raises(SendError, match="message to edit not found"):
        await wire.send(text="Xong", edits="99")


async def test_what_telegram_refuses_says_what_to_do(wire: Wire) -> None:
    await wire.fake.blocks(RESIDENT)
    with pytest.raises(SendError) as refused:
        await wire.send(text="dạ")
    assert refused.value.blocked
    wire.fake.fail("sendMessage", 429, "Too Many Requests: retry after 3", retry_after=3)
    with pytest.raises(SendError) as refused:
        await wire.send(text="dạ", chat=str(OTHER))
    assert (refused.value.retry_after_s, refused.value.whole, refused.value.permanent) == (3, False, False)
    wire.fake.moved[TEAM] = -10099
    with pytest.raises(SendError) as refused:
        await wire.send(text="dạ", chat=str(TEAM))
    assert refused.value.moved_to == "-10099"
    wire.telegram = Telegram("1:wrong", "s3cret")
    with pytest.raises(SendError) as refused:
        await wire.send(text="dạ", chat=str(OTHER))
    assert refused.value.misconfigured


@pytest.mark.parametrize(
    "options", [YES_NO, {}, {"ask": "location"}, PICTURED], ids=["buttons", "plain", "keyboard", "picture"]
)
@pytest.mark.parametrize("done", [True, False], ids=["arrived", "lost"])
@pytest.mark.parametrize("chat", [RESIDENT, TEAM], ids=["private", "group"])
async def test_a_message_of_unknown_fate_is_asked_for(
    wire: Wire, options: dict[str, Any], done: bool, chat: int
) -> None:
    earlier = await wire.send(text="Chào bác", chat=str(chat))
    await wire.fake.says(OTHER, "ai đó viết")  # takes an id of the shared counter
    wire.fake.fail("sendPhoto" if "attachments" in options else "sendMessage", 0, done=done)
    unsure = Outgoing(chat=str(chat), text="Được chưa bác?", **options)
    with pytest.raises(ServerDisconnectedError):
        await wire.post(wire.telegram.render(unsure)[0])
    await wire.fake.says(chat, "sao rồi con", sender=RESIDENT)
    newest = max(number for where, number in wire.fake.messages if where == chat)
    asks = tuple(wire.telegram.ask(unsure, int(earlier[0].remote_id), frozenset({newest}), newest))
    before = [dict(message) for message in wire.fake.sent(chat)]
    found = [wire.telegram.arrived(unsure, call, *await wire.post(call)) for call in asks]
    assert [number for number in found if number] == ([str(before[-1]["message_id"])] if done else [])
    assert wire.fake.sent(chat) == before
    assert not any(call.carries for call in asks)
    assert newest not in [json.loads(call.body)["message_id"] for call in asks]


async def test_an_answer_that_says_neither_yes_nor_no_is_not_a_no(wire: Wire) -> None:
    unsure = Outgoing(chat=str(RESIDENT), text="dạ")
    (call, *_) = wire.telegram.ask(unsure, 0, frozenset(), 1)
    for status in (429, 500, 403):
        wire.fake.fail("editMessageReplyMarkup", status)
        answer = await wire.post(call)
        with pytest.raises(SendError):
            wire.telegram.arrived(unsure, call, *answer)
    assert wire.telegram.arrived(unsure, call, *await wire.post(call)) == ""


@pytest.mark.parametrize(("fields", "why"), [
    ({"text": "x " * 3000}, "several messages"),
    ({"text": ""}, "none"),
    ({"text": "x", "edits": "5"}, "an edit can be repeated"),
    ({"text": "x", "attachments": (Attachment(kind="photo", ref="media:7"),) * 2}, "two messages"),
])  # fmt: skip
def test_what_cannot_be_asked_for(fields: dict[str, Any], why: str) -> None:
    assert not list(Telegram("1:fake", "s").ask(Outgoing(chat="5", **fields), 1, frozenset(), 9)), why


def test_every_id_is_asked_for_that_may_be_its_own() -> None:
    asked = Telegram("1:fake", "s").ask(Outgoing(chat="5", text="x"), 100, frozenset({102}), 110)
    assert [json.loads(call.body)["message_id"] for call in asked] == [101, *range(103, 114)]


async def test_webhooks_are_delivered_signed_and_presses_answered_in_the_200(wire: Wire) -> None:
    parsed: list[Parsed] = []

    async def receive(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        came = Webhook(method="POST", headers=headers, query={}, body=await request.read())
        if not wire.telegram.verify(came):
            return web.Response(status=403)
        parsed.append(wire.telegram.parse(came))
        return web.Response(body=parsed[-1].answer, content_type="application/json")

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await wire.post(wire.telegram.set_webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/hook"))
    await wire.send(text="Được chưa bác?", **YES_NO)
    assert await wire.fake.says(RESIDENT, "được rồi con", reply_to=1) == 200
    assert await wire.fake.press(RESIDENT, "Được rồi") == 200
    assert await wire.fake.blocks(RESIDENT) == 200
    wire.fake.webhook["secret_token"] = "wrong"
    assert await wire.fake.says(RESIDENT, "giả mạo") == 403
    await runner.cleanup()
    said, pressed, left = [event for each in parsed for event in each.happened]
    assert isinstance(said, Inbound)
    assert (said.text, said.reply_to) == ("được rồi con", "1")
    assert isinstance(pressed, Inbound)
    assert pressed.choice == "4.1"
    assert left == Reached(channel="telegram", chat=str(RESIDENT), reachable=False)
    (answered,) = wire.fake.called("answerCallbackQuery")
    assert answered.in_answer


async def test_polling_brings_each_update_once(wire: Wire) -> None:
    waiting = asyncio.create_task(wire.post(wire.telegram.get_updates(0, 5)))
    await asyncio.sleep(0.05)
    await wire.fake.says(RESIDENT, "con ơi")
    (body,) = wire.telegram.updates((await waiting)[1])
    first = wire.telegram.parse(webhook(body))
    assert [event.text for event in first.happened if isinstance(event, Inbound)] == ["con ơi"]
    await wire.send(text="Được chưa bác?", **YES_NO)
    await wire.fake.press(RESIDENT, "Chưa được")
    (body,) = wire.telegram.updates((await wire.post(wire.telegram.get_updates(int(first.key) + 1, 0)))[1])
    status, _ = await wire.post(wire.telegram.answer_press(wire.telegram.parse(webhook(body))))
    assert status == 200
    wire.fake.webhook = {"url": "http://127.0.0.1:1/hook"}
    with pytest.raises(SendError) as refused:
        wire.telegram.updates((await wire.post(wire.telegram.get_updates(0, 0)))[1])
    assert refused.value.misconfigured
    await wire.post(wire.telegram.delete_webhook())
    assert (await wire.post(wire.telegram.get_updates(0, 0)))[0] == 200


async def test_a_file_is_fetched_by_its_id(wire: Wire) -> None:
    file_id = wire.fake.keep_file(b"picture", "photos/hình 1.jpg")
    path = wire.telegram.file_path((await wire.post(wire.telegram.get_file(file_id)))[1])
    assert path == "/file/bot1:fake/photos/h%C3%ACnh%201.jpg"
    async with wire.client.get(wire.fake.base_url + path) as response:
        assert await response.read() == b"picture"
    with pytest.raises(SendError) as refused:
        wire.telegram.file_path((await wire.post(wire.telegram.get_file("none")))[1])
    assert refused.value.permanent


async def test_the_calls_beside_messages_are_known_to_telegram(wire: Wire) -> None:
    calls = [wire.telegram.get_me(), wire.telegram.set_commands(), wire.telegram.delete_webhook()]
    assert [(await wire.post(call))[0] for call in calls] == [200, 200, 200]
    assert not any(call.carries for call in calls)
    await wire.post(wire.telegram.set_webhook("https://gocua.example/hooks/telegram"))
    assert wire.fake.webhook == {
        "url": "https://gocua.example/hooks/telegram",
        "secret_token": "s3cret",
        "max_connections": 100,
        "allowed_updates": ["message", "edited_message", "callback_query", "my_chat_member"],
    }


@pytest.mark.parametrize(("method", "fields", "says"), [
    ("sendMessage", {"chat_id": 1, "text": " "}, "message text is empty"),
    ("sendMessage", {"chat_id": 1, "text": "x" * 4097}, "message is too long"),
    ("sendMessage", {"chat_id": 1, "txt": "x"}, "knows no"),
    ("sendMessage", {"chat_id": TEAM, "text": "x", "message_thread_id": 5}, "message thread not found"),
    ("sendMessage", {"chat_id": 1, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a"}]]}}, "BUTTON_DATA"),
    ("sendPhoto", {"chat_id": 1, "photo": "unknown"}, "wrong remote file identifier"),
    ("answerCallbackQuery", {"callback_query_id": "9"}, "query is too old"),
    ("sendTelegraph", {}, "Not Found"),
])  # fmt: skip
async def test_the_fake_refuses_what_telegram_would(wire: Wire, method: str, fields: Any, says: str) -> None:
    status, body = await wire.post(Call(path=f"/bot1:fake/{method}", body=json.dumps(fields).encode()))
    assert status == (404 if method == "sendTelegraph" else 400)
    assert says in json.loads(body)["description"]


async def test_the_fake_speaks_to_another_client(wire: Wire) -> None:
    """python-telegram-bot reads strictly, and writes forms where we write JSON."""
    async with Bot(
        "1:fake", base_url=f"{wire.fake.base_url}/bot", base_file_url=f"{wire.fake.base_url}/file/bot"
    ) as bot:
        topic = await bot.create_forum_topic(TEAM, "#12 bác Hai")
        message = await bot.send_message(TEAM, "{máy hỏi mã", message_thread_id=topic.message_thread_id)
        edited = await bot.edit_message_text("xong", TEAM, message.message_id)
        assert isinstance(edited, Message)
        assert (edited.message_id, edited.text, edited.message_thread_id) == (2, "xong", 1)
        voice = await bot.send_voice(RESIDENT, b"sound", caption="nghe nha bác")
        assert voice.voice is not None
        assert await (await bot.get_file(voice.voice.file_id)).download_as_bytearray() == b"sound"
        await wire.fake.says(RESIDENT, "con ơi")
        (update,) = await bot.get_updates()
        assert update.message is not None
        assert update.message.text == "con ơi"
