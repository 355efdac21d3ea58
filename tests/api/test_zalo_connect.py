"""An admin of an Official Account connects it, the address proves to be ours, and a mix-up of keys loses no words."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa

from api import unsigned
from api.tables import HeldWebhook
from api.zalo_connect import consent_link
from tests.fakes.zalo_oa import FakeZaloOa
from tests.service import INBOX, Service, started

HELD = HeldWebhook.__table__


def zalo(fake: FakeZaloOa, **given: Any) -> dict[str, Any]:
    return {
        "zalo_oa_app_id": fake.app_id, "zalo_oa_app_secret": fake.app_secret, "zalo_oa_oa_secret": fake.secret,
        "zalo_oa_oa_id": fake.oa, "zalo_oa_api": fake.base_url, "zalo_oa_oauth": fake.base_url,
    } | given  # fmt: skip


async def test_an_admin_connects_the_account(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake, started(tmp_path, **zalo(fake)) as service:
        fake.webhook_url = f"{service.url}/webhooks/zalo"
        asked = parse_qs(urlsplit(consent_link(service.house.settings, service.house.key)).query)
        assert asked["redirect_uri"] == [f"{service.url}/zalo/connected"]
        back = {"code": fake.consent(asked["code_challenge"][0]), "oa_id": fake.oa, "state": asked["state"][0]}
        page = await service.web.get("/zalo/connected", params=back)
        assert "Đã nối xong" in page.text
        assert await fake.says("2001", "chào con") == 200
        await service.quiet()
        assert "Dạ chào Bác" in fake.messages["2001"][0]["text"]
        assert not [worry for worry in service.house.worries if worry.startswith("zalo")]


async def test_a_forged_or_foreign_consent_is_refused(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake, started(tmp_path, **zalo(fake)) as service:
        state = parse_qs(urlsplit(consent_link(service.house.settings, service.house.key)).query)["state"][0]
        for bad in ({"state": "x" + state}, {"state": state, "oa_id": "9"}, {"state": state, "oa_id": fake.oa}, {}):
            page = await service.web.get("/zalo/connected", params={"code": "stolen"} | bad)
            assert page.status_code in (400, 502)
            assert "Đã nối xong" not in page.text


async def test_the_address_proves_to_be_ours(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake, started(tmp_path, **zalo(fake, zalo_verify="Ab-1_c")) as service:
        page = await service.web.get("/zalo_verifierAb-1_c.html")
        assert '<meta name="zalo-platform-site-verification" content="Ab-1_c" />' in page.text
        assert (await service.web.get("/zalo_verifierother.html")).status_code == 404
        assert '<meta name="zalo-platform-site-verification" content="Ab-1_c">' in (await service.web.get("/")).text


async def test_words_under_a_wrong_key_wait_for_the_right_one(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake:
        async with started(tmp_path, **zalo(fake, zalo_oa_oa_secret="wrong")) as service:
            fake.webhook_url = f"{service.url}/webhooks/zalo"
            assert await fake.says("2001", "tui cần gấp") == 200
            await service.quiet()
            assert await _heard(service) == []
            assert "chữ ký không khớp" in service.house.worries["unsigned zalo_oa"]
            (kept,) = await service.rows(sa.select(HELD))
            assert "tui cần gấp".encode() not in kept["sealed"]
        async with started(tmp_path, **zalo(fake, zalo_oa_refresh_token=fake.refresh_token())) as service:
            await service.quiet()
            assert await _heard(service) == ["tui cần gấp"]
            assert await service.rows(sa.select(HELD)) == []


async def test_strangers_cannot_fill_the_disk(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake, started(tmp_path, **zalo(fake)) as service:
        big = await service.web.post("/webhooks/zalo", content=b"{" + b" " * unsigned.MOST_BYTES + b"}")
        assert big.status_code == 200
        assert await service.rows(sa.select(HELD)) == []
        await service.web.post("/webhooks/zalo", content=b'{"event_name":"user_send_text"}')
        assert len(await service.rows(sa.select(HELD))) == 1
        service.clock.move(days=4)
        await service.web.post("/webhooks/zalo", content=b'{"event_name":"user_send_text", "a": 1}')
        assert len(await service.rows(sa.select(HELD))) == 1


async def _heard(service: Service) -> list[str]:
    rows = await service.rows(sa.select(INBOX.c.body).where(INBOX.c.channel == "zalo_oa").order_by(INBOX.c.id))
    return [row["body"].get("text", "") for row in rows]
