"""One-time links, the cookie, and refusing other sites' posts."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from api import auth
from api.house import House
from api.shelf import Shelf
from api.tables import Log, SignIn
from bot.library import Folders
from tests import console_app
from tests.cast import HOME, NOW
from tests.console_app import LAN

_sign_in = SignIn.__table__
_log = Log.__table__


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(Folders(), HOME, dict)


@pytest.fixture
async def built(shelf: Shelf, tmp_path: Path) -> AsyncIterator[tuple[FastAPI, House]]:
    app, house = console_app.build(shelf, tmp_path, NOW, public_url="https://gocua.example")
    house.store.start()
    yield app, house
    house.store.stop()


@pytest.fixture
async def phone(built: tuple[FastAPI, House]) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=built[0])
    async with httpx.AsyncClient(transport=transport, base_url="https://gocua.example") as client:
        yield client


async def link(house: House, base: str = "") -> str:
    return await house.store.write(lambda c: auth.make_link(c, LAN, house.now(), base))


async def test_a_link_opens_the_console_once(built: tuple[FastAPI, House], phone: httpx.AsyncClient) -> None:
    path = await link(built[1])
    entered = await phone.post(path)
    assert (entered.status_code, entered.headers["location"]) == (303, "/team")
    assert (await phone.get("/team")).status_code == 200
    again = await phone.post(path, headers={"cookie": ""})
    assert again.status_code == 410
    assert "set-cookie" not in again.headers


async def test_looking_at_a_link_spends_nothing(built: tuple[FastAPI, House], phone: httpx.AsyncClient) -> None:
    path = await link(built[1])
    for _ in range(3):
        seen = await phone.get(path)
        assert seen.status_code == 200
        assert "Vào bàn làm việc</button>" in seen.text
    assert (await phone.post(path)).status_code == 303


async def test_wrong_spent_and_old_links_look_the_same(built: tuple[FastAPI, House], phone: httpx.AsyncClient) -> None:
    house = built[1]
    spent = await link(house)
    await phone.post(spent)
    phone.cookies.clear()
    old = await house.store.write(lambda c: auth.make_link(c, LAN, NOW - timedelta(hours=24), ""))
    wrong = "/team/sign-in/khong-co"
    answers = [await ask(path) for path in (spent, old, wrong) for ask in (phone.get, phone.post)]
    assert {answer.status_code for answer in answers} == {410}
    assert len({answer.text for answer in answers}) == 1
    assert "gocua member link TÊN" in answers[0].text


async def test_only_the_hash_of_a_token_is_kept(built: tuple[FastAPI, House]) -> None:
    house = built[1]
    made = await link(house, "https://gocua.example/")
    assert made.startswith("https://gocua.example/team/sign-in/")
    token = made.rpartition("/")[2]
    assert len(token) == 32
    stored = await house.store.read(lambda c: str(c.execute(sa.select(_sign_in)).all()))
    assert token not in stored


async def test_the_cookie_is_kept_from_scripts_and_other_sites(
    built: tuple[FastAPI, House], phone: httpx.AsyncClient
) -> None:
    cookie = (await phone.post(await link(built[1]))).headers["set-cookie"].lower()
    for part in ("httponly", "samesite=lax", "secure", "path=/team", f"max-age={30 * 24 * 3600}"):
        assert part in cookie


@pytest.mark.parametrize("path", ["/team", "/team/lists", "/team/stream", "/team/case/1", "/team/media/x"])
@pytest.mark.parametrize("cookie", ["", "gocua_member=1", "gocua_member=ImEi.aaaa.bbbb"])
async def test_without_a_good_cookie_nothing_opens(phone: httpx.AsyncClient, path: str, cookie: str) -> None:
    answer = await phone.get(path, headers={"cookie": cookie})
    assert (answer.status_code, answer.headers["location"]) == (303, "/team/sign-in")


async def test_a_cookie_of_another_key_is_refused(built: tuple[FastAPI, House], phone: httpx.AsyncClient) -> None:
    app, house = built
    await phone.post(await link(house))
    app.state.house = replace(house, key="another key")
    assert (await phone.get("/team")).status_code == 303


async def test_signing_out_kills_a_copied_cookie_too(built: tuple[FastAPI, House], phone: httpx.AsyncClient) -> None:
    await phone.post(await link(built[1]))
    copied = {"cookie": f"{auth.COOKIE}={phone.cookies[auth.COOKIE]}"}
    assert (await phone.get("/team", headers=copied)).status_code == 200
    assert (await phone.post("/team/sign-out")).headers["location"] == "/team/sign-in"
    phone.cookies.clear()
    assert (await phone.get("/team", headers=copied)).status_code == 303
    kinds = await built[1].store.read(lambda c: c.execute(sa.select(_log.c.kind, _log.c.member_id)).all())
    assert [tuple(row) for row in kinds] == [("signed_in", LAN), ("signed_out", LAN)]


async def test_a_sitting_ends_after_thirty_days(built: tuple[FastAPI, House], phone: httpx.AsyncClient) -> None:
    app, house = built
    await phone.post(await link(house))
    app.state.house = replace(house, now=lambda: NOW + timedelta(days=30))
    assert (await phone.get("/team")).status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin", "origin": "https://gocua.example"}, 303),
        ({"sec-fetch-site": "cross-site", "origin": "https://gocua.example"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://gocua.example"}, 303),
        ({"origin": "https://gocua.example", "host": "127.0.0.1:8000"}, 303),  # behind a proxy
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 303),
    ],
)
async def test_posts_of_other_sites_are_refused(
    built: tuple[FastAPI, House], phone: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    await phone.post(await link(built[1]))
    cookie = f"{auth.COOKIE}={phone.cookies[auth.COOKIE]}"
    answer = await phone.post("/team/duty", data={"on": "0"}, headers={**headers, "cookie": cookie})
    assert answer.status_code == status


async def test_another_site_cannot_spend_a_link(built: tuple[FastAPI, House], phone: httpx.AsyncClient) -> None:
    path = await link(built[1])
    assert (await phone.post(path, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await phone.post(path)).status_code == 303
