"""`gocua channel probe` against the fakes: the operator's phone is played by what the lines on the screen ask for."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api import checklist, schema
from api.findings import ZaloKeys
from api.live_probe import Probe, ProbeError
from api.probing import Prober
from api.settings import Settings
from api.shapes import shape
from api.tables import ChannelLogRow, Inbox
from bot.channel import Webhook
from tests.cast import NOW
from tests.fakes.messenger import FakeMessenger
from tests.fakes.telegram import FakeTelegram
from tests.fakes.zalo_oa import FakeZaloOa

ZALO: dict[str, Any] = {
    "zalo_oa_app_id": "7001", "zalo_oa_app_secret": "app-key", "zalo_oa_oa_secret": "oa-key", "zalo_oa_oa_id": "9001",
}  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    monkeypatch.chdir(tmp_path)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/gocua.db")
    schema.migrate(engine)
    yield engine
    engine.dispose()


class Operator:
    """Does at once what a line asks for, by writing what the service would have written."""

    def __init__(self, engine: sa.Engine, channel: str, chat: str) -> None:
        self.engine, self.channel, self.chat = engine, channel, chat
        self.shown: list[str] = []
        self.willing = True

    def tell(self, line: str) -> None:
        self.shown.append(line)
        if not self.willing:
            return
        if words := re.search(r"đúng câu: (.*)", line):
            self.came("user_send_text", "app_id/body")
            self.writes("u0", text="chuyện khác", chat="stranger")
            self.writes("u1", text=words[1])
        elif "tấm hình" in line:
            self.writes("u2", attachments=[{"kind": "photo", "ref": "https://127.0.0.1:9/gone.jpg"}])
        elif "xem tin vừa tới" in line:
            self.came("user_seen_message sender=oa")
        elif "nút Test" in line:
            self.came("probe sample")
        elif "trả lời cuộc trò chuyện" in line:
            self.came("oa_send_text admin=yes")

    def came(self, kind: str, verified: str = "") -> None:
        row = {"at": NOW, "channel": self.channel, "way": "came", "kind": kind, "ref": "", "size_bytes": 1}
        blank = {"verified": verified, "status": 0, "code": "", "note": "", "took_ms": 0}
        with self.engine.begin() as connection:
            connection.execute(ChannelLogRow.__table__.insert(), row | blank)

    def writes(self, provider_id: str, chat: str = "", **body: Any) -> None:
        chat = chat or self.chat
        row = {"channel": self.channel, "chat": chat, "provider_id": f"{provider_id}.{len(self.shown)}", "attempts": 0}
        row |= {"conversation": f"{self.channel}:{chat}", "body": {"kind": "Inbound", "chat": chat} | body, "error": ""}
        with self.engine.begin() as connection:
            connection.execute(Inbox.__table__.insert(), row | {"received_at": NOW, "next_at": NOW})


async def report(operator: Operator, settings: Settings, key: ZaloKeys | None = None) -> dict[str, str]:
    async with Prober(settings) as prober:
        probe = Probe(
            name=operator.channel, settings=settings, engine=operator.engine, prober=prober, now=lambda: NOW,
            tell=operator.tell, ask=lambda _: "c | có", zalo=key or ZaloKeys(), wait_s=0.02, look_every_s=0.01,
        )  # fmt: skip
        text = await probe.run(checklist.ITEMS[operator.channel])
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert all(len(line) == 2 for line in lines)
    assert "thử kênh" not in text
    return dict(lines)


async def test_zalo_oa(engine: sa.Engine) -> None:
    operator = Operator(engine, "zalo_oa", "u7@9001")
    async with FakeZaloOa() as fake:
        fake.last_ms["u7"], fake.buttons = fake.now_ms, "form1"
        key = ZaloKeys(access=fake.granted(), expires_at=NOW + timedelta(hours=1))
        settings = Settings(**ZALO, zalo_oa_api=fake.base_url, database_url=str(engine.url))
        found = await report(operator, settings, key)
        assert set(fake.messages) == {"u7"}  # nobody else was written to
    assert found["webhook ký theo cách nào"] == "khớp cách app_id/body"
    assert "Dùng thử" in found["gói và xác thực của OA"]
    assert found["nút bấm"] == "form1: nhận, tính vào reply, hiện nút; form3: từ chối, mã -233"
    assert found["tin quá dài"].endswith("mã -210")
    assert found["báo đã xem: phía nào là người gửi"] == "tới dạng “user_seen_message sender=oa”"
    assert "admin=yes" in found["tin của OA vọng lại"]
    assert found["tin thử của màn hình Webhook"] == "tới dạng “probe sample”"
    assert "không tới" in found["hình động"]
    assert "chạy lại lệnh này" in found["địa chỉ hình sống bao lâu"]


async def test_a_photo_is_looked_at_again(engine: sa.Engine) -> None:
    operator = Operator(engine, "zalo_bot", "chat1")
    settings = Settings(database_url=str(engine.url), zalo_bot_token="1:x", zalo_bot_secret="12345678")
    assert "mất" not in (await report(operator, settings))["địa chỉ hình sống bao lâu"]
    kept = settings.data_folder / "gocua-probe-zalo_bot.urls"
    assert kept.stat().st_mode & 0o077 == 0
    assert "hình từ 21/11/2026 02:00: mất (mã 0)" in (await report(operator, settings))["địa chỉ hình sống bao lâu"]


async def test_who_does_nothing_on_the_phone(engine: sa.Engine) -> None:
    """Each item says so and the next one follows; nothing is sent to anybody."""
    operator = Operator(engine, "messenger", "psid")
    operator.willing = False
    async with FakeMessenger() as fake:
        settings = Settings(
            database_url=str(engine.url), messenger_page_token="1:fake", messenger_app_secret="s3cret",
            messenger_verify_token="v", messenger_app_id="5005", messenger_api=fake.base_url,
        )  # fmt: skip
        found = await report(operator, settings)
        assert not fake.calls
        assert found["tin đầu tiên"].startswith("không thấy gì tới")
        assert found["định tuyến hội thoại"].startswith("bỏ qua")
        operator.willing, fake.last_ms["psid"] = True, fake.now_ms
        found = await report(operator, settings)
        assert found["định tuyến hội thoại"] == "giao cho hộp thư: được; lấy lại: được"
        assert not fake.inbox_owns
    assert found["quyền Human Agent"] == "c / có"


async def test_telegram(engine: sa.Engine) -> None:
    async with FakeTelegram() as fake:
        settings = Settings(database_url=str(engine.url), telegram_token=fake.token, telegram_api=fake.base_url)
        found = await report(Operator(engine, "telegram", "42"), settings)
    assert found["bot thấy gì trong nhóm"] == "chỉ thấy tin trả lời nó, và lệnh"
    assert found["tin đầu tiên"] == "tin từ điện thoại tới được máy"


@pytest.mark.parametrize(("name", "says"), [("zalo", "không có kênh"), ("telegram", "đang tắt"), ("zalo_oa", "khoá")])
def test_nothing_to_probe(engine: sa.Engine, name: str, says: str) -> None:
    settings = Settings(**ZALO, database_url=str(engine.url))
    with pytest.raises(ProbeError, match=says):
        checklist.take(name, settings, {}, lambda: NOW, print, input)


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("zalo_oa", b"{}", "probe empty"),
        ("zalo_oa", b'{"event_name":"user_send_text","message":{"msg_id":"This is message id"}}', "probe sample"),
        ("zalo_oa", b'{"event_name":"user_send_text","message":{"text":"x"}}', "user_send_text"),
        ("zalo_oa", b'{"event_name":"user_seen_message","sender":{"id":"9001"}}', "user_seen_message sender=oa"),
        ("zalo_oa", b'{"event_name":"user_seen_message","sender":{"id":"5"}}', "user_seen_message sender=user"),
        ("zalo_oa", b'{"event_name":"oa_send_text","sender":{"admin_id":"3"}}', "oa_send_text admin=yes"),
        ("zalo_oa", b'{"event_name":"oa_send_text","sender":{}}', "oa_send_text admin=no"),
        ("zalo_bot", b'{"event_name":"message.text.received"}', "message.text.received flat"),
        ("zalo_bot", b'{"ok":true,"result":{"event_name":"message.text.received"}}', "message.text.received wrapped"),
        ("zalo_bot", b"", "probe empty"),
        ("messenger", b'{"entry":[{"messaging":[{"sender":{},"message":{"text":"x"}}]}]}', "messaging.message"),
        ("messenger", b'{"entry":[{"standby":[{"message":{"is_echo":true}}]}]}', "standby.echo"),
        ("messenger", b'{"entry":[{"changes":[]}]}', "probe changes"),
        ("telegram", b'{"update_id":1,"message":{"text":"x"}}', "message"),
        ("telegram", b"[1]", "malformed"),
        ("zalo_oa", '{"event_name":"Bác Tư gọi 0912345678"}'.encode(), "odd"),
    ],
)
def test_the_shape_of_a_request(name: str, body: bytes, says: str) -> None:
    assert shape(name, Webhook(method="POST", headers={}, query={}, body=body), {"9001"}) == says
    assert shape(name, Webhook(method="GET", headers={}, query={}, body=body)) == "probe get"
