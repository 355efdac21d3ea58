"""What comes to the webhook from the street, wanted or not: who is believed, what is refused, what residents do."""

import asyncio
import io
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from PIL import Image
from structlog.testing import capture_logs

from api import webhooks
from api.webhooks import MOST_BYTES
from bot.channel import Parsed
from bot.model import Inbound
from tests.api.test_way import post, update
from tests.service import CHAT, CONVERSATION, GROUP, INBOX, LAN, OUTBOX, Service, started

TU = 2001
NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)


async def stored(service: Service) -> int:
    return len(await service.rows(sa.select(INBOX)))


# --- what is believed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"X-Telegram-Bot-Api-Secret-Token": "mot-hai-ba-bon-nam"}])
async def test_who_is_not_telegram_is_refused(service: Service, headers: dict[str, str]) -> None:
    answer = await service.web.post("/webhooks/telegram", json=update(), headers=headers)
    assert (answer.status_code, answer.content) == (403, b"")
    assert await stored(service) == 0


async def test_who_is_not_telegram_is_refused_before_they_have_said_all(service: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    writer.write(b"POST /webhooks/telegram HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)  # to the end: the connection is closed
    writer.close()
    assert answer.startswith(b"HTTP/1.1 403 ")


async def test_a_channel_that_is_off_has_no_door(service: Service) -> None:
    assert (await service.web.post("/webhooks/zalo", json=update())).status_code == 404


STRANGE = (
    (json.dumps(update()).encode()[:-20], "malformed"),
    (b"", "malformed"),
    (b"[1, 2]", "malformed"),
    (b'{"update_id": 5}', "empty"),
    (b"[" * 100_000, "malformed"),
    (b'{"update_id": 5, "poll_answer": {"poll_id": "1"}}', "poll_answer"),
    (b'{"update_id": 5, "message": {"message_id": "ba"}}', "malformed"),
)  # fmt: skip


async def test_what_is_not_understood_is_answered_200_and_told(service: Service) -> None:
    for body, kind in STRANGE:
        with capture_logs() as logs:
            assert (await post(service, body)).status_code == 200
        assert [one["event_kind"] for one in logs if one["event"] == "webhook_unknown"] == [kind]
    assert await stored(service) == 0


async def test_a_body_is_read_up_to_a_megabyte(service: Service) -> None:
    assert (await post(service, b"x" * (MOST_BYTES + 1))).status_code == 413
    assert (await post(service, update(text="ơ" * 160_000))).status_code == 200
    await service.quiet()
    [row] = await service.rows(sa.select(INBOX.c.body))
    assert len(row["body"]["text"]) == 16_000
    assert len(service.shown(TU)) == 1


async def test_secrets_are_masked_before_they_are_stored(service: Service) -> None:
    await service.says(TU, "mã OTP của tui là 482913 nè con")
    everything = json.dumps([row["body"] for row in await service.rows(sa.select(INBOX.c.body))])
    everything += json.dumps([row["body"] for row in await service.rows(sa.select(OUTBOX.c.body))])
    assert "482913" not in everything
    assert "OTP" in service.last(TU)


# --- what no provider gives ------------------------------------------------------------------------------------


def _endless() -> str:
    """Longer than any index takes, also when PostgreSQL has packed it."""
    return secrets.token_hex(4500)


def _said(chat: str, message_id: str) -> Parsed:
    said = Inbound(channel="messenger", chat=chat, message_id=message_id, sent_at=NOW, text="xin chào", sender=chat)
    return Parsed(key=message_id, happened=(said,), keys=(message_id,))


async def test_an_id_of_any_length_is_one_message_and_nobodys_trouble(tmp_path: Path, database_url: str) -> None:
    async with started(tmp_path, database_url=database_url) as service:
        long, other = _endless(), _endless()
        ids = ["1", long, "3", long, other]
        await asyncio.gather(*(webhooks.store(service.house, "messenger", _said("77", one)) for one in ids))
        await service.quiet()
        await webhooks.store(service.house, "messenger", _said("77", long))
        rows = await service.rows(sa.select(INBOX.c.provider_id, INBOX.c.body))
        assert sorted(row["body"]["message_id"] for row in rows) == sorted({"1", long, "3", other})
        assert max(len(row["provider_id"]) for row in rows) < 100


async def test_a_chat_that_is_none_is_dropped_and_told(tmp_path: Path, database_url: str) -> None:
    async with started(tmp_path, database_url=database_url) as service:
        far = _endless()
        with capture_logs() as logs:
            came = (_said("77", "1"), _said(far, "2"), _said("78", "3"))
            await asyncio.gather(*(webhooks.store(service.house, "messenger", one) for one in came))
        rows = await service.rows(sa.select(INBOX.c.chat).order_by(INBOX.c.chat))
        assert [row["chat"] for row in rows] == ["77", "78"]
        told = [one for one in logs if one["event"] == "chat_too_long"]
        assert told == [{"event": "chat_too_long", "log_level": "warning", "channel": "messenger", "events": 1}]
        assert far not in json.dumps(logs, default=str)


# --- what residents do -----------------------------------------------------------------------------------------


async def test_a_button_of_an_old_message_is_not_acted_on(service: Service) -> None:
    await service.says(TU, "gặp người")
    old = service.telegram.sent(TU)[-1]["message_id"]
    await service.press(TU, "Không đồng ý")
    await service.says(TU, "menu")
    await service.later(seconds=30)
    await service.press(TU, "Đồng ý", message_id=old)
    assert "nút đó đã cũ" in service.last(TU)
    assert (await service.conversation(f"telegram:{TU}"))["state"].get("consent") is None


async def test_a_double_press_is_one_wish(service: Service) -> None:
    await service.says(TU, "gặp người")
    await asyncio.gather(service.telegram.press(TU, "Đồng ý"), service.telegram.press(TU, "Đồng ý"))
    await service.quiet()
    assert len(service.shown(TU)) == 2
    # both presses are answered in the 200, so that no button keeps spinning
    assert [call.in_answer for call in service.telegram.called("answerCallbackQuery")] == [True, True]


async def test_a_press_of_someone_elses_making_does_nothing_bad(service: Service) -> None:
    await service.says(TU, "/start")
    for data in ("take.1", "close.1.solved", "meant.1.1", "take.", "999999999999999999999.1", "1.0", "1.-1", "...."):
        message = service.telegram.sent(TU)[-1]
        person = {"id": TU, "is_bot": False, "first_name": "A"}
        query = {"id": "1", "from": person, "chat_instance": "1", "message": message, "data": data}
        assert await service.telegram.deliver({"callback_query": query}) == 200
    await service.quiet()
    assert "crashed" not in await service.kinds()


async def test_an_edited_message_is_asked_for_anew(service: Service) -> None:
    await service.says(TU, "/start")
    edited = update(77, message_id=1, text="đổi máy", edit_date=1_795_000_100)
    assert (await post(service, {"update_id": 77, "edited_message": edited["message"]})).status_code == 200
    await service.quiet()
    assert "sửa tin cũ" in service.last(TU)


async def test_the_bot_speaks_only_in_private_and_in_the_teams_own_group(service: Service) -> None:
    assert await service.telegram.says(-1005, "/start", sender=TU) == 200
    assert await service.telegram.says(-1005, sender=TU, new_chat_title="Hội bạn") == 200
    await service.quiet()
    assert await stored(service) == 0
    assert service.shown(-1005) == []


async def test_who_blocks_the_bot_is_left_in_peace(service: Service) -> None:
    await service.says(TU, "/start")
    service.telegram.blocked.add(TU)
    await service.says(TU, "menu")
    assert (await service.conversation(f"telegram:{TU}"))["reachable"] is False
    tries = len(service.telegram.called("sendMessage"))
    await service.later(hours=5)
    assert len(service.telegram.called("sendMessage")) == tries
    assert [row["error"][:21] for row in await service.rows(sa.select(OUTBOX).where(OUTBOX.c.status == 4))] == [
        "Telegram answered 403"
    ]
    await service.telegram.blocks(TU, again=True)
    await service.quiet()
    assert (await service.conversation(f"telegram:{TU}"))["reachable"] is True
    before = len(service.shown(TU))
    await service.says(TU, "menu")
    assert len(service.shown(TU)) == before + 1


async def test_blocking_is_heard_too(service: Service) -> None:
    await service.says(TU, "/start")
    assert await service.telegram.blocks(TU) == 200
    await service.quiet()
    assert (await service.conversation(f"telegram:{TU}"))["reachable"] is False
    assert "blocked" in await service.kinds()


SENT: tuple[tuple[dict[str, Any], str], ...] = (
    ({"photo": [{"file_id": "P", "file_unique_id": "P", "width": 9, "height": 9}]}, "nhận được hình"),
    ({"voice": {"file_id": "V", "file_unique_id": "V", "duration": 3}}, "chưa xem được"),
    ({"sticker": {"file_id": "S", "file_unique_id": "S", "width": 9, "height": 9, "is_animated": False,
                  "is_video": False, "type": "regular"}}, "chưa xem được"),
    ({"location": {"latitude": 10.98, "longitude": 106.67}}, "chưa xem được"),
    ({"contact": {"phone_number": "0900000000", "first_name": "A", "user_id": 5}}, "chưa xem được"),
    ({"document": {"file_id": "D", "file_unique_id": "D", "file_name": "../../etc/passwd"}}, "chưa xem được"),
)  # fmt: skip


async def test_whatever_is_sent_is_answered(service: Service) -> None:
    for chat, (content, says) in enumerate(SENT, TU):
        await service.says(chat, **content)
        assert says in service.last(chat)


# --- pictures that are none ------------------------------------------------------------------------------------


def bomb() -> bytes:
    """A PNG of a few kilobytes that would unpack to hundreds of megabytes."""
    out = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    return out.getvalue()


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((300, 200), 50).convert("RGB").save(out, "JPEG")
    return out.getvalue()


BAD = {"bomb": bomb(), "cut": jpeg()[:2000], "zip": b"PK\x03\x04" + b"\0" * 500, "page": b"<script>alert(1)</script>"}


async def test_a_bad_picture_on_the_page_is_refused_kindly(service: Service) -> None:
    bac = await service.visitor()
    for data in BAD.values():
        sent = {"file": ("hinh.jpg", data, "image/jpeg")}
        answer = await bac.browser.post("/chat/photo", data={"id": str(uuid4())}, files=sent)
        assert answer.status_code == 422
        assert "không mở được hình" in answer.json()["detail"]
    assert await stored(service) == 0
    assert not list(service.house.media.folder.glob("*"))


async def test_a_bad_picture_from_telegram_is_only_ever_downloaded(service: Service) -> None:
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    desk = await service.desk_of(LAN)
    for kind, data in BAD.items():
        file_id = service.telegram.keep_file(data, f"photos/{kind}.jpg")
        photo = {"file_id": file_id, "file_unique_id": file_id, "width": 9, "height": 9}
        await service.says(TU, photo=[photo])
        # In Telegram it goes on by its id: the bytes never come to us.
        assert service.telegram.called("sendPhoto")[-1].fields["photo"] == file_id
        assert service.telegram.called("getFile") == []
    rows = await service.rows(
        sa.select(INBOX.c.id).where(INBOX.c.body["attachments"].as_string().like("%FILE%")).order_by(INBOX.c.id)
    )
    assert len(rows) == len(BAD)
    for kind, row in zip(BAD, rows, strict=True):
        answer = await desk.get(f"/team/case/1/file/{row['id']}.0/0")
        if kind in ("bomb", "cut"):  # of a picture that cannot be written anew the place of taking could not go
            assert answer.status_code == 404
            continue
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_group_updates_when_there_is_a_group(tmp_path: Path) -> None:
    async with started(tmp_path, group=True) as service:
        for chat in (GROUP, -1005):
            await service.says(chat, "sáng nay ai trực vậy", sender=CHAT[LAN])
        assert service.shown(GROUP) == service.shown(-1005) == []
        rows = await service.rows(sa.select(CONVERSATION.c.key))
        assert all(row["key"].startswith("desk:") for row in rows)
