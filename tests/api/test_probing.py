"""What `gocua doctor` finds when it asks the providers: each channel well, and each thing an operator gets wrong."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import web

from api import doctor, probing, schema
from api.findings import Finding, ZaloKeys, is_well
from api.settings import Settings
from api.tables import ConversationRow, ZaloKey
from tests.cast import NOW
from tests.fakes.messenger import FakeMessenger
from tests.fakes.telegram import FakeTelegram
from tests.fakes.zalo_bot import FakeZaloBot
from tests.fakes.zalo_oa import FakeZaloOa

SECRETS = ("123456:fake", "tele-secret-0123456789", "oa-key", "app-key", "1:fake", "bot-secret", "s3cret", "verify-me")


class Public:
    """Our own address as the outside meets it: what it answers is what a test sets."""

    def __init__(self) -> None:
        self.pages = {"/health/live": "ok", "/webhooks/zalo": "", "/webhooks/zalo-bot": "", "/webhooks/messenger": "*"}

    async def serve(self, request: web.Request) -> web.Response:
        if request.path not in self.pages:
            return web.Response(status=404)
        page = self.pages[request.path]
        return web.Response(text=request.query.get("hub.challenge", "") if page == "*" else page)


@pytest.fixture
async def public() -> AsyncIterator[Public]:
    here, app = Public(), web.Application()
    app.router.add_route("*", "/{path:.*}", here.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here.url = f"http://127.0.0.1:{runner.addresses[0][1]}"  # type: ignore[attr-defined]
    yield here
    await runner.cleanup()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)


def said(found: dict[str, list[Finding]], name: str, level: str) -> str:
    for findings in found.values():
        assert not any(secret in line for one in findings for line in one.lines() for secret in SECRETS)
    return "\n".join(line for one in found[name] if one.level == level for line in one.lines())


async def look(keys: dict[str, ZaloKeys] | None = None, **given: Any) -> dict[str, list[Finding]]:
    return await probing.look(Settings(**given), keys or {}, NOW)


async def test_with_nothing_set_nobody_is_asked(bare: None) -> None:
    found = await look()
    assert list(found) == ["Địa chỉ công khai"]
    assert "chưa đặt GOCUA_PUBLIC_URL" in said(found, "Địa chỉ công khai", "doubt")


async def test_our_address(bare: None, public: Any) -> None:
    found = await look(public_url=public.url)
    assert "trả lời được" in said(found, "Địa chỉ công khai", "well")
    assert "chỉ nhận https" in said(found, "Địa chỉ công khai", "doubt")
    del public.pages["/health/live"]
    assert "trả mã 404" in said(await look(public_url=public.url), "Địa chỉ công khai", "wrong")
    gone = await look(public_url="http://127.0.0.1:9")
    assert "không trả lời" in said(gone, "Địa chỉ công khai", "wrong")
    assert not is_well(gone["Địa chỉ công khai"])


def telegram_set(fake: FakeTelegram, **more: Any) -> dict[str, Any]:
    return {"telegram_token": fake.token, "telegram_api": fake.base_url, **more}


async def test_telegram(bare: None, public: Any) -> None:
    async with FakeTelegram() as fake:
        polled = await look(**telegram_set(fake))
        assert "bot @gocua_fake_bot" in said(polled, "Telegram", "well")
        assert is_well(polled["Telegram"])
        given = telegram_set(fake, public_url=public.url, telegram_secret="tele-secret-0123456789")
        assert "webhook chưa khai" in said(await look(**given), "Telegram", "wrong")
        fake.webhook = {"url": f"{public.url}/webhooks/telegram"}
        assert "webhook đúng địa chỉ" in said(await look(**given), "Telegram", "well")
        fake.webhook = {"url": "https://nha-khac.vn/hook/bi-mat"}
        elsewhere = said(await look(**given), "Telegram", "wrong")
        assert "webhook đang ở nha-khac.vn, phải là" in elsewhere
        assert "bi-mat" not in elsewhere
        fake.webhook = {"url": f"{public.url}/webhooks/telegram"}
        team = {**given, "telegram_team_chat": "-1009", "telegram_team_topics": True}
        assert is_well((await look(**team))["Telegram"])
        fake.forum = False
        wrong = said(await look(**team), "Telegram", "wrong")
        assert "chưa bật chủ đề" in wrong
        assert "chưa được quản lý chủ đề" in wrong
        fake.missing.add(-1009)
        assert "nhóm của tổ từ chối (400)" in said(await look(**team), "Telegram", "wrong")
        refused = await look(**(given | {"telegram_token": "123:other"}))
        assert "từ chối (401): Unauthorized" in said(refused, "Telegram", "wrong")
        fake.fail("getWebhookInfo", 0)
        assert "bot @" in said(await look(**given), "Telegram", "well")
    assert "không hỏi được" in said(await look(**given), "Telegram", "doubt")


ZALO: dict[str, Any] = {
    "zalo_oa_app_id": "7001", "zalo_oa_app_secret": "app-key", "zalo_oa_oa_secret": "oa-key", "zalo_oa_oa_id": "9001",
}  # fmt: skip


async def test_zalo_oa(bare: None, public: Any) -> None:
    async with FakeZaloOa() as fake:
        fake.last_ms["u1"] = fake.now_ms
        key = ZaloKeys(access=fake.granted(), expires_at=NOW + timedelta(hours=3), resident="u1")
        given = ZALO | {"zalo_oa_api": fake.base_url, "public_url": public.url}
        found = await look({"9001": key}, **given)
        told = said(found, "Zalo OA", "well")
        for part in ("OA “Xã Ví Dụ”, gói Dùng thử tới 31/12/2026", "quota_type reply, remain 8", "webhook http"):
            assert part in told
        assert is_well(found["Zalo OA"])
        assert "gocua zalo connect" in said(await look(**given), "Zalo OA", "wrong")
        trouble = ZaloKeys(access="x", trouble="Zalo gives no tokens (-14020)")
        assert "-14020" in said(await look({"9001": trouble}, **given), "Zalo OA", "wrong")
        over = ZaloKeys(access="x", expires_at=NOW)
        assert "hết hạn" in said(await look({"9001": over}, **given), "Zalo OA", "wrong")
        stranger = ZaloKeys(access="unknown")
        assert "từ chối (-216)" in said(await look({"9001": stranger}, **given), "Zalo OA", "wrong")
        fake.oa, fake.verified = "9002", False
        mixed = await look({"9001": key}, **given)
        assert "khoá này của OA 9002" in said(mixed, "Zalo OA", "wrong")
        assert "chưa xác thực" in said(mixed, "Zalo OA", "doubt")
        buttons = ZaloKeys(access=key.access, refused_buttons="form1")
        shown = await look({"9001": buttons}, **given, zalo_oa_buttons="form1")
        assert "không nhận nút kiểu form1" in said(shown, "Zalo OA", "doubt")
        assert "mã xác thực tên miền chưa" in said(await look(**given, zalo_verify="Ab1"), "Zalo OA", "doubt")
        meta = '<meta name="zalo-platform-site-verification" content="Ab1" />'
        public.pages |= {"/zalo_verifierAb1.html": meta, "/": meta}
        assert "có ở trang chủ" in said(await look(**given, zalo_verify="Ab1"), "Zalo OA", "well")
        del public.pages["/webhooks/zalo"]
        assert "trả mã 404" in said(await look(**given), "Zalo OA", "wrong")


async def test_zalo_bot(bare: None, public: Any) -> None:
    async with FakeZaloBot() as fake:
        given: dict[str, Any] = {"zalo_bot_token": "1:fake", "zalo_bot_secret": "bot-secret"}
        given |= {"zalo_bot_api": fake.base_url, "public_url": public.url}
        assert "webhook chưa khai" in said(await look(**given), "Zalo Bot", "wrong")
        fake.webhook_url = f"{public.url}/webhooks/zalo-bot"
        found = await look(**given)
        assert "bot bot.fake" in said(found, "Zalo Bot", "well")
        assert is_well(found["Zalo Bot"])
        fake.token = "2:other"
        assert "từ chối (401): Unauthorized" in said(await look(**given), "Zalo Bot", "wrong")
    del given["public_url"]
    fake.token = "1:fake"
    async with fake:
        lonely = await look(**(given | {"zalo_bot_api": fake.base_url}))
        assert "cần một địa chỉ https" in said(lonely, "Zalo Bot", "wrong")


async def test_messenger(bare: None, public: Any) -> None:
    async with FakeMessenger() as fake:
        given: dict[str, Any] = {
            "messenger_page_token": "1:fake", "messenger_app_secret": "s3cret", "messenger_verify_token": "verify-me",
            "messenger_app_id": "5005", "messenger_api": fake.base_url, "public_url": public.url,
        }  # fmt: skip
        ill = said(await look(**given), "Messenger", "wrong")
        assert "chưa đăng ký message_echoes, messages, messaging_postbacks" in ill
        assert "webhook chưa khai" in ill
        fake.subscribed = ["messages", "messaging_postbacks", "message_echoes", "standby"]
        fake.webhook_url = f"{public.url}/webhooks/messenger"
        found = await look(**given)
        assert "trang “Xã Ví Dụ”" in said(found, "Messenger", "well")
        assert is_well(found["Messenger"])
        other = await look(**(given | {"messenger_app_secret": "other"}))
        assert "ứng dụng Meta từ chối (190)" in said(other, "Messenger", "wrong")
        assert "GOCUA_MESSENGER_APP_ID" in said(await look(**(given | {"messenger_app_id": ""})), "Messenger", "doubt")
        public.pages["/webhooks/messenger"] = "something else"
        assert "mã đang chạy khác" in said(await look(**given), "Messenger", "wrong")
        fake.token = "2:other"
        assert "trang Facebook từ chối (190)" in said(await look(**given), "Messenger", "wrong")


def test_the_keys_that_the_database_has(bare: None, tmp_path: Any) -> None:
    settings = Settings(**ZALO, database_url=f"sqlite:///{tmp_path}/gocua.db")
    assert doctor.zalo_keys(settings) == {}
    engine = sa.create_engine(settings.database_url)
    schema.migrate(engine)
    key: dict[str, Any] = {"oa": "9001", "access": "a1", "refresh": "r1", "previous": "", "seed": "", "trouble": ""}
    key |= {"refreshed_at": NOW, "expires_at": NOW, "asked_at": None, "refused_buttons": "form1"}
    talk = {"channel": "zalo_oa", "state": {}, "state_version": 1, "epoch": 0, "reachable": True, "name": ""}
    with engine.begin() as connection:
        connection.execute(ZaloKey.__table__.insert(), key)
        for minutes, chat in enumerate(("u1@9001", "u2@9001", "u3@9002")):
            at = NOW + timedelta(minutes=minutes)
            row = talk | {"key": f"zalo_oa:{chat}", "chat": chat, "heard_at": at, "updated_at": at}
            connection.execute(ConversationRow.__table__.insert(), row)
    engine.dispose()
    expected = ZaloKeys(access="a1", expires_at=NOW, refused_buttons="form1", resident="u2")
    assert doctor.zalo_keys(settings) == {"9001": expected}
    assert "a1" not in repr(expected)


def test_doctor_asks_the_channels_that_are_on(bare: None, tmp_path: Any) -> None:
    """Nobody is there to answer: that is told, and is no fault of the settings."""
    given: dict[str, Any] = {"telegram_token": "123:x", "telegram_api": "http://127.0.0.1:9"}
    lines, _ = doctor.examine(lambda: Settings(**given, database_url=f"sqlite:///{tmp_path}/gocua.db"))
    assert "Telegram:" in lines
    assert any("không hỏi được" in line for line in lines)
    assert not any("123:x" in line for line in lines)
