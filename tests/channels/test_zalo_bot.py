"""The Zalo Bot channel against the fake over HTTP: its secret, both shapes of webhooks, polling, the month's quota."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.channel import Call, Outgoing, Receipt, SendError, Webhook
from bot.channels.zalo_bot import ZaloBot
from bot.model import Attachment, Choice, Inbound
from tests.channels.wire import Wire
from tests.fakes.zalo_bot import FakeZaloBot

CHAT = "6ede9afa66b88fe6d6a9"
SECRET = "s3cret-s3cret"


class BotWire(Wire):
    fake: FakeZaloBot
    channel: ZaloBot


@pytest.fixture
async def wire() -> AsyncIterator[BotWire]:
    async with FakeZaloBot() as fake, BotWire(ZaloBot("1:fake", SECRET), fake) as wire:
        yield wire


@pytest.mark.parametrize(("secret", "given", "believed"), [
    ("s3cret", "s3cret", True), ("s3cret", "s3cre", False), ("s3cret", "bí mật", False), ("", "", False),
])  # fmt: skip
def test_only_the_secret_is_believed(secret: str, given: str, believed: bool) -> None:
    headers = {"x-bot-api-secret-token": given}
    came = Webhook(method="POST", headers=headers, query={}, body=b'{"event_name":"message.text.received"}')
    assert ZaloBot("1:fake", secret).verify(came) is believed


def test_an_empty_probe_passes_and_says_nothing() -> None:
    probe = Webhook(method="POST", headers={}, query={}, body=b"")
    assert ZaloBot("1:fake", SECRET).verify(probe)
    assert ZaloBot("1:fake", SECRET).parse(probe).happened == ()


async def test_every_kind_of_message_is_taken(wire: BotWire) -> None:
    yes_no = (Choice(id="done", label="Được rồi"), Choice(id="stuck", label="Chưa được"))
    await wire.send(CHAT, "Được chưa bác?", choices=yes_no, choice_ids=("4.1", "4.2"))
    assert len(await wire.send(CHAT, "dạ " * 3000)) == 5
    photo = Attachment(kind="photo", ref="https://gocua.example/1.jpg")
    assert await wire.send(CHAT, "Coi nè", attachments=(photo,)) == [Receipt(remote_id="o7")]
    first, *_, last = wire.fake.messages[CHAT]
    assert first["text"] == "Được chưa bác?\n\n1. Được rồi\n2. Chưa được\n(Bác nhắn số giúp con)"
    assert last == {"chat_id": CHAT, "photo": "https://gocua.example/1.jpg", "caption": "Coi nè"}


@pytest.mark.parametrize("wrapped", [True, False])
async def test_webhooks_of_both_shapes(wire: BotWire, wrapped: bool) -> None:
    wire.fake.wrapped = wrapped
    await wire.receipt(wire.channel.set_webhook(wire.hook))
    assert await wire.fake.says(CHAT, "Dạ con ơi") == 200
    assert await wire.fake.says(CHAT, kind="voice", voice_url="https://z.example/v.aac") == 200
    said, spoken = wire.happened
    assert isinstance(said, Inbound)
    assert (said.text, said.chat, said.sent_at.isoformat()) == ("Dạ con ơi", CHAT, "2026-11-21T10:00:00+00:00")
    assert isinstance(spoken, Inbound)
    assert spoken.attachments == (Attachment(kind="voice", ref="https://z.example/v.aac"),)
    wire.fake.secret = "another-secret"
    assert await wire.fake.says(CHAT, "giả mạo") == 403


async def test_polling_gives_the_same_update_again(wire: BotWire) -> None:
    bot = wire.channel
    assert bot.update(*await wire.post(bot.get_updates(1))) == b""  # 408: nothing came
    await wire.fake.says(CHAT, "con ơi")
    bodies = [bot.update(*await wire.post(bot.get_updates(1))) for _ in range(2)]
    keys = {bot.parse(Webhook(method="POST", headers={}, query={}, body=body)).key for body in bodies}
    assert keys == {"u1"}
    await wire.receipt(bot.set_webhook(wire.hook))
    with pytest.raises(SendError, match="webhook is set"):
        bot.update(*await wire.post(bot.get_updates(1)))


async def test_which_webhook_is_set(wire: BotWire) -> None:
    bot = wire.channel
    assert bot.webhook_url(*await wire.post(bot.get_webhook_info())) == ""  # 404: none
    await wire.receipt(bot.set_webhook(wire.hook))
    assert bot.webhook_url(*await wire.post(bot.get_webhook_info())) == wire.hook
    await wire.receipt(bot.delete_webhook())
    assert bot.webhook_url(*await wire.post(bot.get_webhook_info())) == ""
    with pytest.raises(SendError) as refused:
        bot.webhook_url(502, b"<html>")
    assert refused.value.uncertain


async def test_what_zalo_refuses_says_what_to_do(wire: BotWire) -> None:
    wire.fake.month_left = 0
    with pytest.raises(SendError, match="used up") as refused:
        await wire.send(CHAT, "dạ")
    assert (refused.value.whole, refused.value.permanent) == (True, False)
    assert refused.value.retry_after_s
    wire.fake.fail("sendMessage", 502, "<html>")
    with pytest.raises(SendError) as refused:
        await wire.send(CHAT, "dạ")
    assert refused.value.uncertain
    wire.channel = ZaloBot("1:wrong", SECRET)
    with pytest.raises(SendError) as refused:
        await wire.send(CHAT, "dạ")
    assert refused.value.misconfigured
    assert "1:wrong" not in str(refused.value)


async def test_the_calls_beside_messages_are_known_to_zalo(wire: BotWire) -> None:
    for call in (wire.channel.get_me(), wire.channel.typing(CHAT), wire.channel.delete_webhook()):
        assert (await wire.receipt(call)).remote_id == ""
        assert not call.carries


def test_the_token_is_in_no_repr() -> None:
    assert "1:fake" not in repr(ZaloBot("1:fake", SECRET).render(Outgoing(chat=CHAT, text="dạ")))


@pytest.mark.parametrize(("method", "fields", "status"), [
    ("sendMessage", {"chat_id": CHAT, "text": " "}, 400),
    ("sendMessage", {"chat_id": CHAT, "text": "x" * 2001}, 400),
    ("sendMessage", {"chat_id": CHAT, "text": "x", "reply_markup": {}}, 400),
    ("sendPhoto", {"chat_id": CHAT, "photo": "media:7"}, 400),
    ("setWebhook", {"url": "https://gocua.example/", "secret_token": "short"}, 400),
    ("setWebhook", {"url": "http://gocua.example/", "secret_token": SECRET}, 400),
    ("sendDocument", {"chat_id": CHAT}, 404),
])  # fmt: skip
async def test_the_fake_refuses_what_zalo_would(wire: BotWire, method: str, fields: Any, status: int) -> None:
    answer = await wire.post(Call(path=f"/bot1:fake/{method}", body=json.dumps(fields).encode()))
    assert (answer[0], json.loads(answer[1])["error_code"]) == (status, status)
