"""Waking phones: what is told, to whom and once; against a push service of our own on 127.0.0.1 that reads it back."""

import base64
import json
import stat
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import http_ece
import httpx
import pytest
import sqlalchemy as sa
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from py_vapid import Vapid02

from api import casework, desk, push
from api.house import House
from api.shelf import Shelf
from api.store import Store
from api.tables import Inbox, Offer, PushSubscription
from bot.library import Folders
from tests import console_app as town
from tests.cast import HOME, NOW
from tests.console_app import LAN, TAM

_push, _offer, _inbox = (table.__table__ for table in (PushSubscription, Offer, Inbox))
WORDS = "máy báo lạ quá con ơi"


def plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(slots=True)
class Service:
    """A browser maker's push service and the one browser behind it."""

    url: str
    browser: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = b"sixteen bytes!!!"
    answers: list[int] = field(default_factory=list)
    heard: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def subscription(self) -> dict[str, Any]:
        point = self.browser.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": f"{self.url}/to/lan", "expirationTime": None,
                "keys": {"p256dh": plain(point), "auth": plain(self.auth)}}  # fmt: skip

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        status = self.answers.pop(0) if self.answers else 201
        if status == 201:
            read = http_ece.decrypt(body, private_key=self.browser, auth_secret=self.auth, version="aes128gcm")
            self.heard.append(json.loads(read))
            self.headers.append(dict(request.headers))
        location = {"Location": f"{self.url}/elsewhere"} if status == 302 else {}
        return web.Response(status=status, headers=location)


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(Folders(), HOME, dict)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    app = web.Application()
    runner = web.AppRunner(app)
    await runner.setup()
    one = Service(url="")
    app.router._frozen = False
    app.router.add_post("/to/lan", one.receive)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield one
    await runner.cleanup()


@pytest.fixture
async def built(shelf: Shelf, tmp_path: Path) -> AsyncIterator[tuple[FastAPI, House]]:
    app, house = town.build(shelf, tmp_path, NOW)
    house.store.start()
    yield app, house
    house.store.stop()


@pytest.fixture
def house(built: tuple[FastAPI, House]) -> House:
    return built[1]


@pytest.fixture
async def lan(built: tuple[FastAPI, House]) -> AsyncIterator[httpx.AsyncClient]:
    app, house = built
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test") as client:
        await client.post(await house.store.write(lambda c: town.sign_in(c, LAN, NOW)))
        yield client


async def once(house: House) -> int:
    async with aiohttp.ClientSession() as session:
        return await push.once(house, session)


async def rows(house: House, query: Any) -> list[Any]:
    return await house.store.read(lambda c: [tuple(row) for row in c.execute(query)])


async def test_an_offer_wakes_its_member_once_and_tells_no_name(
    house: House, lan: httpx.AsyncClient, service: Service
) -> None:
    await house.store.write(lambda c: town.put_case(c, "truoc", NOW, offered_to=LAN))  # before she asked to be woken
    assert (await lan.post("/team/push", json=service.subscription)).status_code == 204
    assert await once(house) == 0
    case_id = await house.store.write(lambda c: town.put_case(c, "bac-tu", NOW, offered_to=LAN))
    await house.store.write(lambda c: town.put_case(c, "khac", NOW, offered_to=TAM))
    assert await once(house) == 1
    assert service.heard == [{"text": "Có hồ sơ mới", "link": f"/team/case/{case_id}"}]
    assert await once(house) == 0


async def test_what_is_sent_proves_that_it_is_ours(house: House, lan: httpx.AsyncClient, service: Service) -> None:
    key = (await lan.get("/team/push")).text
    await lan.post("/team/push", json=service.subscription)
    await house.store.write(lambda c: town.put_case(c, "bac-tu", NOW, offered_to=LAN))
    await once(house)
    (headers,) = service.headers
    assert headers["Content-Encoding"] == "aes128gcm"
    assert headers["TTL"] == str(push.KEPT_S)
    token, _, shown = headers["Authorization"].removeprefix("vapid t=").partition(",k=")
    assert shown == key
    assert Vapid02.verify(headers["Authorization"])
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["aud"] == service.url


async def test_a_residents_words_wake_their_holder_without_the_words(
    house: House, lan: httpx.AsyncClient, service: Service
) -> None:
    await lan.post("/team/push", json=service.subscription)

    def talk(connection: sa.Connection) -> int:
        case_id = town.put_case(connection, "bac-tu", NOW, holder=LAN)
        town.put_case(connection, "khac", NOW, holder=TAM)
        town.resident_says(connection, "bac-tu", "trước khi nhận", NOW - timedelta(minutes=30))
        town.resident_says(connection, "khac", WORDS, NOW)
        return case_id

    case_id = await house.store.write(talk)
    assert await once(house) == 0
    for _ in range(2):
        await house.store.write(lambda c: town.resident_says(c, "bac-tu", f"{WORDS} {len(service.heard)}", NOW))
    assert await once(house) == 1
    assert service.heard == [{"text": "Bà con nhắn thêm", "link": f"/team/case/{case_id}"}]
    await house.store.write(lambda c: desk.close(c, case_id, LAN, "solved", "", NOW))
    await house.store.write(lambda c: town.resident_says(c, "bac-tu", "cảm ơn", NOW))
    assert await once(house) == 0


async def test_a_case_that_a_lead_moves_wakes_too(house: House, lan: httpx.AsyncClient, service: Service) -> None:
    await lan.post("/team/push", json=service.subscription)
    one, two = [await house.store.write(partial(town.put_case, chat=chat, now=NOW)) for chat in ("a", "b")]
    for case_id in (one, two):
        moves = partial(casework.move, case_id=case_id, by=TAM, member_id=LAN, reason="late", now=NOW)
        assert await house.store.write(moves)
    assert await once(house) == 1
    assert service.heard == [{"text": "Có hồ sơ mới", "link": "/team"}]  # two of them: to the desk


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(
    house: House, lan: httpx.AsyncClient, service: Service, status: int
) -> None:
    await lan.post("/team/push", json=service.subscription)
    await house.store.write(lambda c: town.put_case(c, "bac-tu", NOW, offered_to=LAN))
    service.answers = [status]
    await once(house)
    assert await rows(house, sa.select(_push.c.id)) == []


@pytest.mark.parametrize("status", [302, 429, 500])
async def test_a_service_in_trouble_is_asked_again_later(
    house: House, lan: httpx.AsyncClient, service: Service, status: int
) -> None:
    await lan.post("/team/push", json=service.subscription)
    await house.store.write(lambda c: town.put_case(c, "bac-tu", NOW, offered_to=LAN))
    service.answers = [status, status]
    pauses = []
    for _ in range(2):
        assert await once(house) == 1
        ((failures, again_at),) = await rows(house, sa.select(_push.c.failures, _push.c.next_at))
        pauses.append((failures, again_at - house.now()))
        assert await once(house) == 0
        house.now = lambda at=again_at: at  # type: ignore[misc]
    assert pauses == [(1, timedelta(minutes=1)), (2, timedelta(minutes=2))]
    assert await once(house) == 1
    assert [one["text"] for one in service.heard] == ["Có hồ sơ mới"]
    assert await rows(house, sa.select(_push.c.failures)) == [(0,)]


async def test_nobody_home_at_the_endpoint_is_no_disaster(
    house: House, lan: httpx.AsyncClient, service: Service
) -> None:
    await lan.post("/team/push", json={**service.subscription, "endpoint": "http://127.0.0.1:9/nobody"})
    await house.store.write(lambda c: town.put_case(c, "bac-tu", NOW, offered_to=LAN))
    assert await once(house) == 1
    assert await rows(house, sa.select(_push.c.failures)) == [(1,)]


async def test_a_broken_key_of_ours_is_no_browsers_fault(
    house: House, lan: httpx.AsyncClient, service: Service
) -> None:
    """Nobody is told until the operator has mended it; then all are."""
    await lan.post("/team/push", json=service.subscription)
    await house.store.write(lambda c: town.put_case(c, "bac-tu", NOW, offered_to=LAN))
    file = house.settings.data_folder / "gocua.vapid"
    for broken in (b"", b"-----BEGIN PRIVATE KEY-----\nnothing\n-----END PRIVATE KEY-----\n", b"\xff\xd8 picture"):
        file.write_bytes(broken)
        assert await once(house) == 0
        assert await rows(house, sa.select(_push.c.failures)) == [(0,)]
        assert (await lan.get("/team/push")).status_code == 503
        assert "khoá gocua.vapid" in house.worries["push"]
        assert "`gocua restore`, hoặc xoá tệp đó" in house.worries["push"]
    file.unlink()
    assert await once(house) == 1
    assert "push" not in house.worries
    assert [one["text"] for one in service.heard] == ["Có hồ sơ mới"]


async def test_marks_move_on_when_there_is_nothing_to_tell(
    house: House, lan: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lan.post("/team/push", json=service.subscription)
    await house.store.write(lambda c: town.put_case(c, "bac-tu", NOW))
    monkeypatch.setattr(push, "MOST_BEHIND", 2)
    for number in range(4):
        await house.store.write(partial(town.resident_says, chat="bac-tu", text=str(number), at=NOW))
    assert await once(house) == 1
    assert service.heard == []
    newest = sa.select(sa.func.max(_inbox.c.id)).scalar_subquery()
    assert await rows(house, sa.select(_push.c.id).where(_push.c.inbox_mark == newest)) == [(1,)]


# --- several processes -----------------------------------------------------------------------------------------------


def _subscribed(connection: sa.Connection) -> None:
    key = plain(b"\x04" + bytes(64)), plain(bytes(16))
    push.subscribe(connection, LAN, "http://127.0.0.1:9/lan", *key, NOW, trial=True)
    town.put_case(connection, "bac-tu", NOW, offered_to=LAN)


def test_of_many_processes_one_tells(shelf: Shelf, tmp_path: Path, database_url: str) -> None:
    """Each sees that something is to be told before any of them has claimed it."""
    houses = [town.build(shelf, tmp_path, NOW, database_url=database_url)[1]]
    houses[0].store.start()
    with houses[0].store.engine.begin() as connection:
        _subscribed(connection)
        [seen] = push.due(connection, NOW)
    stores = [Store(houses[0].settings) for _ in range(3)]
    won: list[bool] = []

    def run(store: Store) -> None:
        with store.engine.begin() as connection:
            won.append(push.claim(connection, seen, NOW))

    threads = [threading.Thread(target=run, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False, False, True]
    with houses[0].store.engine.begin() as connection:
        assert push.due(connection, NOW) == ()
        # it died before it could tell: after a while another one does
        [again] = push.due(connection, NOW + push.CLAIMED)
        assert again.texts == seen.texts
        assert push.claim(connection, again, NOW + push.CLAIMED)
        push.settle(connection, again, "told", NOW + push.CLAIMED)
        assert push.due(connection, NOW + 2 * push.CLAIMED) == ()
        assert not push.claim(connection, seen, NOW + 2 * push.CLAIMED)
    for store in (*stores, houses[0].store):
        store.stop()


# --- subscriptions ---------------------------------------------------------------------------------------------------


async def test_a_browser_is_kept_once_and_taken_away_by_its_member(
    house: House, lan: httpx.AsyncClient, service: Service
) -> None:
    for _ in range(2):
        await lan.post("/team/push", json=service.subscription)
    for number in range(push.MOST_PHONES + 2):
        await lan.post("/team/push", json={**service.subscription, "endpoint": f"{service.url}/{number}"})
    assert len(await rows(house, sa.select(_push.c.id))) == push.MOST_PHONES
    newest = f"{service.url}/{push.MOST_PHONES + 1}"
    await house.store.write(lambda c: push.unsubscribe(c, TAM, newest))
    assert len(await rows(house, sa.select(_push.c.id))) == push.MOST_PHONES
    await lan.post("/team/push/end", json={"endpoint": newest})
    assert (newest,) not in await rows(house, sa.select(_push.c.endpoint))


@pytest.mark.parametrize(
    ("endpoint", "trial", "may"),
    [
        ("https://fcm.googleapis.com/fcm/send/abc", False, True),
        ("https://web.push.apple.com:443/x", False, True),
        ("http://fcm.googleapis.com/x", False, False),
        ("http://127.0.0.1:8000/x", True, True),
        ("http://127.0.0.1:8000/x", False, False),
        ("https://127.0.0.1/x", False, False),
        ("http://localhost/x", True, False),
        ("https://169.254.169.254/latest", False, False),
        ("https://[::1]/x", True, False),
        ("https://2130706433/x", True, False),
        ("https://0x7f.1/x", True, False),
        ("https://db.internal./x", True, False),
        ("https://db.internal/x", True, False),
        ("https://user@push.example.com/x", True, False),
        ("file:///etc/passwd", True, False),
        ("https://push.example.com:99999/x", True, False),
        ("", True, False),
    ],
)
def test_only_public_services_are_called(endpoint: str, trial: bool, may: bool) -> None:
    assert push.may_call(endpoint, trial=trial) is may


async def test_keys_that_are_none_are_refused(house: House, lan: httpx.AsyncClient, service: Service) -> None:
    for keys in ({"p256dh": "abc", "auth": "abc"}, {"p256dh": service.subscription["keys"]["p256dh"], "auth": "é"}):
        assert (await lan.post("/team/push", json={**service.subscription, "keys": keys})).status_code == 422
    assert await rows(house, sa.select(_push.c.id)) == []


async def test_nobody_signed_in_subscribes_nothing(
    built: tuple[FastAPI, House], house: House, service: Service
) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=built[0]), base_url="http://desk.test") as nobody:
        assert (await nobody.post("/team/push", json=service.subscription)).status_code == 303
        manifest = (await nobody.get("/team/manifest.webmanifest")).json()
        for icon in manifest["icons"]:
            assert (await nobody.get(icon["src"])).headers["content-type"] == "image/png"
        worker = await nobody.get("/team/worker.js")
        assert worker.headers["service-worker-allowed"] == manifest["scope"] == "/team"
    assert await rows(house, sa.select(_push.c.id)) == []


def test_our_key_is_made_once_and_is_ours_alone(house: House) -> None:
    first = push.public_key(push.load_key(house.settings))
    assert push.public_key(push.load_key(house.settings)) == first
    file = house.settings.data_folder / "gocua.vapid"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(first + "=")) == 65
