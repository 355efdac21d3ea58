"""The web chat's doors: who is let in, what is stored before it is answered, what is refused and how that is said."""

import errno
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from PIL import Image

from api import inbox, outbox
from api.chat import door, routes
from api.house import House
from api.media import MediaStore, insert
from api.news import News
from api.outbox import Pen
from api.settings import Settings
from api.shelf import Shelf
from api.store import Store, StoreBusy
from api.tables import Inbox, Media, metadata
from bot import record
from bot.model import Attachment, Choice, Inbound, Point, Reply, WaitExpired
from tests.cast import NOW

INBOX, MEDIA = Inbox.__table__, Media.__table__


@dataclass(slots=True)
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class Chat:
    house: House
    clock: Clock
    app: FastAPI

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://gocua.test")

    async def rows(self, table: Any) -> list[Any]:
        return await self.house.store.read(lambda c: list(c.execute(sa.select(table)).mappings()))

    async def tell(self, key: str, *replies: Reply) -> None:
        """What a turn would write: an event, and these words because of it."""
        mark = str(uuid4())

        def work(connection: sa.Connection) -> None:
            inbox.put(connection, [inbox.from_inside(key, WaitExpired(due_at=self.clock.now), mark)], self.clock.now)
            row = connection.execute(sa.select(INBOX.c.id).where(INBOX.c.provider_id == mark)).scalar_one()
            pen = Pen(row, key, self.clock.now)
            for reply in replies:
                pen.reply(reply, 0)
            outbox.insert(connection, pen.rows)

        await self.house.store.write(work)


@pytest.fixture
async def chat(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Chat]:
    given = {"database_url": f"sqlite:///{tmp_path}/gocua.db", **getattr(request, "param", {})}
    settings = Settings(_env_file=None, **given)
    store, clock = Store(settings), Clock()
    metadata.create_all(store.engine)
    store.start()
    # The doors need no library, and one takes seconds to load.
    house = House(
        settings=settings, store=store, shelf=object.__new__(Shelf), news=News(), media=MediaStore(settings.media),
        channels={}, now=clock, key="khoá của bài thử",
    )  # fmt: skip
    app = FastAPI()
    app.state.house = house
    app.include_router(routes.router(house))
    yield Chat(house, clock, app)
    store.stop()


@pytest.fixture
async def bac(chat: Chat) -> AsyncIterator[httpx.AsyncClient]:
    """A resident who has opened the page."""
    async with chat.browser() as browser:
        assert (await browser.get("/")).status_code == 200
        yield browser


def key_of(browser: httpx.AsyncClient) -> str:
    return "web:" + browser.cookies[door.COOKIE].rsplit(".", 1)[0]


def said(**body: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), **body}


def jpeg(width: int = 40, height: int = 30) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "green").save(out, "JPEG")
    return out.getvalue()


async def send_photo(browser: httpx.AsyncClient, data: bytes, photo_id: str = "") -> httpx.Response:
    return await browser.post(
        "/chat/photo", data={"id": photo_id or str(uuid4())}, files={"file": ("a.jpg", data, "image/jpeg")}
    )


# --- who is let in ---------------------------------------------------------------------------------------------


async def test_page_lets_a_stranger_in_and_keeps_them(chat: Chat) -> None:
    async with chat.browser() as browser:
        first = await browser.get("/")
        cookie = SimpleCookie(first.headers["set-cookie"])[door.COOKIE]
        assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "lax", "")
        assert "Bắt đầu" in first.text
        assert "default-src 'self'" in first.headers["content-security-policy"]
        assert "frame-ancestors 'self'" in first.headers["content-security-policy"]
        assert "unsafe" not in first.headers["content-security-policy"]
        assert first.headers["x-content-type-options"] == "nosniff"
        assert first.headers["referrer-policy"] == "same-origin"
        again = await browser.get("/")
        assert SimpleCookie(again.headers["set-cookie"])[door.COOKIE].value == cookie.value


@pytest.mark.parametrize("chat", [{"public_url": "https://gocua.example"}], indirect=True)
async def test_cookie_is_secure_behind_https(chat: Chat) -> None:
    async with chat.browser() as browser:
        answer = await browser.get("/")
    assert SimpleCookie(answer.headers["set-cookie"])[door.COOKIE]["secure"] is True


@pytest.mark.parametrize("cookie", ["", "bac-tu", "bac-tu.chu-ky-gia"])
async def test_without_our_own_cookie_nothing_is_read_or_written(chat: Chat, cookie: str) -> None:
    async with chat.browser() as browser:
        browser.cookies.set(door.COOKIE, cookie)
        answers = [
            await browser.post("/chat/say", json=said(text="chào con")),
            await send_photo(browser, jpeg()),
            await browser.get("/chat/lines"),
            await browser.get("/chat/stream"),
            await browser.get("/chat/media/abc"),
        ]
    assert [answer.status_code for answer in answers] == [401] * 5
    assert "mở lại trang" in answers[0].json()["detail"]
    assert await chat.rows(INBOX) == []


# --- words -----------------------------------------------------------------------------------------------------


async def test_words_are_stored_masked_and_told_before_the_answer(chat: Chat, bac: httpx.AsyncClient) -> None:
    with chat.house.news.listen("turns") as heard:
        body = said(text="mã OTP của tôi là 482913 nè con")
        answer = await bac.post("/chat/say", json=body)
        assert await heard.wait(1)
    assert (answer.status_code, answer.json()) == (202, {"id": body["id"]})
    [row] = await chat.rows(INBOX)
    assert (row["conversation"], row["provider_id"], row["done_at"]) == (key_of(bac), body["id"], None)
    event = record.event(row["body"])
    assert isinstance(event, Inbound)
    assert event.secrets == ("otp",)
    assert "482913" not in json.dumps(row["body"])
    assert (event.sent_at, event.channel, f"web:{event.chat}") == (NOW, "web", key_of(bac))


async def test_the_same_id_twice_is_one_row_and_fine_both_times(chat: Chat, bac: httpx.AsyncClient) -> None:
    body = said(text="chào con")
    assert [(await bac.post("/chat/say", json=body)).status_code for _ in range(3)] == [202, 202, 202]
    assert len(await chat.rows(INBOX)) == 1


async def test_two_residents_may_use_one_id(chat: Chat, bac: httpx.AsyncClient) -> None:
    body = said(text="chào con")
    await bac.post("/chat/say", json=body)
    async with chat.browser() as other:
        await other.get("/")
        await other.post("/chat/say", json=body)
    assert len({row["conversation"] for row in await chat.rows(INBOX)}) == 2


async def test_a_choice_is_shown_by_its_label_and_brings_no_words(chat: Chat, bac: httpx.AsyncClient) -> None:
    await bac.post("/chat/say", json=said(choice="12.1", label="Xong rồi" + "!" * 200, text="bị bỏ qua"))
    [row] = await chat.rows(INBOX)
    event = record.event(row["body"])
    assert isinstance(event, Inbound)
    assert (event.choice, event.text) == ("12.1", "")
    assert len(row["body"]["label"]) == routes.LABEL_CHARACTERS
    assert "Xong rồi!!" in (await bac.get("/")).text


async def test_a_pin_is_stored_as_a_point(chat: Chat, bac: httpx.AsyncClient) -> None:
    await bac.post("/chat/say", json=said(lat=10.5, lon=106))
    [row] = await chat.rows(INBOX)
    event = record.event(row["body"])
    assert isinstance(event, Inbound)
    assert event.point == Point(lat=10.5, lon=106.0)
    assert "(vị trí)" in (await bac.get("/")).text


async def test_nul_is_left_out(chat: Chat, bac: httpx.AsyncClient) -> None:
    assert (await bac.post("/chat/say", json=said(text="chào\0 con"))).status_code == 202
    [row] = await chat.rows(INBOX)
    assert row["body"]["text"] == "chào con"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"text": "a"}', 400),
        (b'{"id": "1", "text": "a"}', 400),
        (said(text="  "), 400),
        (said(text=7), 400),
        (said(text="a", choice="12"), 400),
        (said(lat=10.5), 400),
        (said(lat=91, lon=1), 400),
        pytest.param(json.dumps(said(lat=float("nan"), lon=1)).encode(), 400, id="not a number"),
        (b'{"id": "00000000-0000-4000-8000-000000000000", "text": "\\ud800"}', 400),
        (said(text="a" * 4001), 413),
        (b" " * 65537, 413),
    ],
)
async def test_what_is_wrong_is_refused_kindly(
    chat: Chat, bac: httpx.AsyncClient, body: bytes | dict[str, Any], status: int
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await bac.post("/chat/say", content=content)
    assert (answer.status_code, answer.json()["detail"][:3]) == (status, "Dạ ")
    assert await chat.rows(INBOX) == []


async def test_as_long_as_allowed_is_stored(chat: Chat, bac: httpx.AsyncClient) -> None:
    assert (await bac.post("/chat/say", json=said(text="ề" * 4000))).status_code == 202


async def test_a_body_of_untold_length_is_refused(chat: Chat, bac: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"{}"

    assert (await bac.post("/chat/say", content=pieces())).status_code == 411


async def test_thirty_a_minute_then_a_pause(chat: Chat, bac: httpx.AsyncClient) -> None:
    statuses = [(await bac.post("/chat/say", json=said(text="a"))).status_code for _ in range(32)]
    assert statuses == [202] * 30 + [429] * 2
    refused = await bac.post("/chat/say", json=said(text="a"))
    assert (refused.headers["retry-after"], refused.json()["detail"][:3]) == ("5", "Dạ ")
    async with chat.browser() as other:
        await other.get("/")
        assert (await other.post("/chat/say", json=said(text="a"))).status_code == 202
    chat.clock.now += timedelta(seconds=4)
    assert [(await bac.post("/chat/say", json=said(text="a"))).status_code for _ in range(3)] == [202, 202, 429]


async def test_one_address_has_a_pace_whatever_its_cookies(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_STREET_BURST", 5.0)
    app = FastAPI()
    app.state.house = chat.house
    app.include_router(routes.router(chat.house))

    async def post(address: str) -> int:
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://gocua") as stranger:
            await stranger.get("/")
            return (await stranger.post("/chat/say", json=said(text="a"))).status_code

    assert [await post("14.160.0.1") for _ in range(7)] == [202] * 5 + [429] * 2
    assert [await post(address) for address in ("14.160.0.2", "172.18.0.2", "127.0.0.1")] == [202] * 3


async def test_a_full_queue_asks_to_come_again(
    chat: Chat, bac: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: Store, _work: object) -> None:
        raise StoreBusy

    monkeypatch.setattr(Store, "queue", full)
    answer = await bac.post("/chat/say", json=said(text="a"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_full_disk_asks_to_come_again_with_the_picture(
    chat: Chat, bac: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    photo_id = str(uuid4())
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", half)
        answer = await send_photo(bac, jpeg(), photo_id)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert list(chat.house.media.folder.iterdir()) == []
    assert (await send_photo(bac, jpeg(), photo_id)).status_code == 202


# --- pictures --------------------------------------------------------------------------------------------------


async def test_a_photo_is_kept_once_and_seen_by_its_owner_alone(chat: Chat, bac: httpx.AsyncClient) -> None:
    photo_id = str(uuid4())
    assert [(await send_photo(bac, jpeg(), photo_id)).status_code for _ in range(2)] == [202, 202]
    [event_row], [media_row] = await chat.rows(INBOX), await chat.rows(MEDIA)
    event = record.event(event_row["body"])
    assert isinstance(event, Inbound)
    assert [shown.ref for shown in event.attachments] == [f"media:{media_row['id']}"]
    assert [str(path) for path in chat.house.media.folder.iterdir()] == [media_row["path"]]
    address = f"/chat/media/{media_row['id']}"
    assert f'src="{address}"' in (await bac.get("/")).text
    seen = await bac.get(address)
    assert Image.open(io.BytesIO(seen.content)).size == (40, 30)
    assert seen.headers["cache-control"].startswith("private")
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert seen.headers["content-disposition"].startswith("inline")
    async with chat.browser() as other:
        await other.get("/")
        assert (await other.get(address)).status_code == 404


async def test_what_is_no_picture_is_refused_in_words(chat: Chat, bac: httpx.AsyncClient) -> None:
    answer = await send_photo(bac, b"<script>alert(1)</script>")
    assert (answer.status_code, answer.json()["detail"][:3]) == (422, "Dạ ")
    assert await chat.rows(INBOX) == await chat.rows(MEDIA) == []


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ({}, {"file": ("a", b"x")}),
        ({"id": "1"}, {"file": ("a", b"x")}),
        ({"id": str(uuid4()), "file": "x"}, {"other": ("a", b"x")}),
    ],
)
async def test_a_form_that_is_not_ours(
    chat: Chat, bac: httpx.AsyncClient, form: dict[str, str], files: dict[str, Any]
) -> None:
    assert (await bac.post("/chat/photo", data=form, files=files)).status_code == 400


async def test_a_body_too_big_is_refused_unread(chat: Chat, bac: httpx.AsyncClient) -> None:
    headers = {"content-length": str(door.MOST_PHOTO_BYTES + 1), "content-type": "multipart/form-data; boundary=x"}
    assert (await bac.post("/chat/photo", content=b"", headers=headers)).status_code == 413


async def test_a_members_file_is_seen_by_the_resident_it_was_sent_to(chat: Chat, bac: httpx.AsyncClient) -> None:
    stored = chat.house.media.keep_as("tg0", b"<html>")
    kept = replace(stored, content_type="text/html", name="hướng dẫn.html")
    await chat.house.store.write(lambda c: insert(c, kept, "desk:telegram:7", NOW))
    address = f"/chat/media/{kept.id}"
    assert (await bac.get(address)).status_code == 404
    one = Attachment(kind="file", ref=f"media:{kept.id}", name=kept.name)
    await chat.tell(key_of(bac), Reply(text="Bác xem nhé", attachments=(one,), author="member"))
    seen = await bac.get(address)
    assert (seen.status_code, seen.headers["content-type"]) == (200, "application/octet-stream")
    assert seen.headers["content-disposition"].startswith("attachment")


# --- what is told ----------------------------------------------------------------------------------------------


async def test_lines_go_on_after_the_one_seen(chat: Chat, bac: httpx.AsyncClient) -> None:
    menu = (Choice(id="done", label="Xong rồi"), Choice(id="stuck", label="Bị vướng"))
    await chat.tell(key_of(bac), Reply(text="Một"), Reply(text="Hai", choices=menu, menu=3))
    lines = (await bac.get("/chat/lines")).json()
    assert [line["text"] for line in lines] == ["Một", "Hai"]
    assert lines[1]["choices"] == [{"choice": "3.1", "label": "Xong rồi"}, {"choice": "3.2", "label": "Bị vướng"}]
    rest = (await bac.get("/chat/lines", params={"after": lines[0]["out_id"]})).json()
    assert [line["text"] for line in rest] == ["Hai"]
    assert (await bac.get("/chat/lines", params={"after": 2**63})).status_code == 422


async def test_page_offers_only_the_newest_choices_and_not_once_picked(chat: Chat, bac: httpx.AsyncClient) -> None:
    key = key_of(bac)
    await chat.tell(key, Reply(text="Một", choices=(Choice(id="a", label="Cũ"),), menu=1))
    await chat.tell(key, Reply(text="Hai", choices=(Choice(id="b", label="Mới"),), menu=2))
    await chat.tell(key, Reply(text="Nhắn thêm", notice=True))
    page = (await bac.get("/")).text
    assert 'data-choice="1.1"' not in page
    assert 'data-choice="2.1"' in page
    await bac.post("/chat/say", json=said(choice="2.1", label="Mới"))
    assert "data-choice" not in (await bac.get("/")).text


async def test_page_asks_for_a_place_only_in_the_newest_line(chat: Chat, bac: httpx.AsyncClient) -> None:
    await chat.tell(key_of(bac), Reply(text="Bác ở đâu?", ask="location"))
    assert 'data-ask="location"' in (await bac.get("/")).text
    await chat.tell(key_of(bac), Reply(text="Dạ con biết rồi."))
    assert "data-ask" not in (await bac.get("/")).text


async def test_words_and_labels_are_never_markup(chat: Chat, bac: httpx.AsyncClient) -> None:
    evil = '"><script>alert(1)</script>'
    await bac.post("/chat/say", json=said(text=evil))
    await bac.post("/chat/say", json=said(choice="1.1", label=evil))
    await chat.tell(
        key_of(bac), Reply(text=evil, author="member", choices=(Choice(id="a", label=evil),), menu=1, ask="location")
    )
    assert "<script>alert" not in (await bac.get("/")).text
    assert "<script>alert" not in (await bac.get("/chat/lines")).json()[0]["html"]


async def test_a_talk_is_read_by_nobody_else(chat: Chat, bac: httpx.AsyncClient) -> None:
    await chat.tell(key_of(bac), Reply(text="riêng cho Bác"))
    async with chat.browser() as other:
        assert "riêng" not in (await other.get("/")).text
        assert (await other.get("/chat/lines")).json() == []


@pytest.mark.parametrize(("name", "status"), [("chat.js", 200), ("chat.css", 200), ("routes.py", 404), ("..", 404)])
async def test_only_our_own_files_are_served(chat: Chat, bac: httpx.AsyncClient, name: str, status: int) -> None:
    assert (await bac.get(f"/chat/static/{name}")).status_code == status


# --- in a frame on another site ---------------------------------------------------------------------------------


ORIGIN = "https://xa-a.gov.vn"
framing = pytest.mark.parametrize("chat", [{"chat_origins": f"{ORIGIN},https://xa-b.gov.vn"}], indirect=True)


@framing
async def test_only_the_origins_of_the_settings_may_frame_it(chat: Chat) -> None:
    async with chat.browser() as browser:
        framed, alone = await browser.get("/embed"), await browser.get("/")
        told = [await browser.get("/embed/allowed", headers={"Origin": one}) for one in (ORIGIN, ORIGIN + ":8443", "")]
    policy = framed.headers["content-security-policy"]
    assert policy.endswith(f"frame-ancestors 'self' {ORIGIN} https://xa-b.gov.vn")
    assert alone.headers["content-security-policy"].endswith("frame-ancestors 'self'")
    assert [one.status_code for one in told] == [204, 403, 403]
    assert [one.headers.get("access-control-allow-origin") for one in told] == [ORIGIN, None, None]
    assert {one.headers["vary"] for one in told} == {"Origin"}


@framing
async def test_a_framed_talk_has_a_cookie_of_its_own_kind(chat: Chat) -> None:
    async with chat.browser() as browser:
        header = (await browser.get("/embed")).headers["set-cookie"]
    value, *facts = header.split("; ")
    name, _, signed = value.partition("=")
    assert name == door.FRAMED_COOKIE
    assert {"HttpOnly", "SameSite=None", "Secure", "Partitioned", "Path=/"} <= set(facts)
    async with chat.browser() as browser:
        browser.cookies.set(door.FRAMED_COOKIE, signed)
        assert (await browser.post("/chat/say", json=said(text="chào con"))).status_code == 202
        again = await browser.get("/embed")
    assert again.headers["set-cookie"] == header
    assert "chào con" in again.text
    assert 'class="framed"' in again.text
    [row] = await chat.rows(INBOX)
    assert row["conversation"] == "web:" + signed.rsplit(".", 1)[0]


async def test_within_one_site_frame_and_page_know_the_same_resident(chat: Chat, bac: httpx.AsyncClient) -> None:
    framed = await bac.get("/embed")
    assert framed.headers["set-cookie"].partition("=")[2].rsplit(".", 1)[0] == key_of(bac).removeprefix("web:")


@pytest.mark.parametrize(
    "told", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": ORIGIN}, {"origin": "null"}]
)
async def test_what_another_site_posts_is_refused(chat: Chat, bac: httpx.AsyncClient, told: dict[str, str]) -> None:
    assert (await bac.post("/chat/say", json=said(text="chào con"), headers=told)).status_code == 403
    assert await chat.rows(INBOX) == []


async def test_the_script_is_small_and_may_be_loaded_from_anywhere(chat: Chat) -> None:
    async with chat.browser() as browser:
        script = await browser.get("/embed.js")
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    assert script.headers["content-type"].startswith("text/javascript")
    assert len(script.content) < 6 * 1024


@pytest.mark.parametrize(
    "origin",
    ["xa-a.gov.vn", "https://xa-a.gov.vn/", "https://*.gov.vn", "https://a.vn/chat", "https://a.vn; script-src *"],
)
def test_what_is_no_origin_stops_the_start(origin: str) -> None:
    with pytest.raises(ValueError, match=r"GOCUA_CHAT_ORIGINS: .* phải là địa chỉ gốc"):
        Settings(_env_file=None, chat_origins=f"{ORIGIN},{origin}")
