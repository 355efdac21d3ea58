"""Files that residents send on Zalo and Messenger: fetched at once, kept once, told of when they cannot be had."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api import inbox, media, threads
from api.fetching import Fetching
from api.files import CLAIM_S, Files, lost, want
from api.house import House
from api.inbox import Arrival
from api.main import build
from api.media import kept_as
from api.settings import Settings
from api.tables import Media, WantedFile
from bot.channel import Outgoing, SendError
from bot.channels.messenger import Messenger
from bot.channels.zalo_oa import ZaloOa
from bot.model import Attachment, Inbound, MediaKind
from tests.fakes.zalo_oa import FakeZaloOa
from tests.samples import AMR, OGG, picture
from tests.service import DAY, INBOX, OUTBOX, Clock, shared_content

CHAT = "u1@9001"
TALK = f"zalo_oa:{CHAT}"
WANTED, MEDIA = WantedFile.__table__, Media.__table__


@dataclass(slots=True, kw_only=True)
class Room:
    house: House
    clock: Clock
    zalo: FakeZaloOa
    files: Files

    async def rows(self, table: Any) -> list[Any]:
        return await self.house.store.read(lambda c: list(c.execute(sa.select(table)).mappings()))

    async def says(self, *files: Attachment, message: str = "m1") -> bool:
        """A message is stored as a webhook stores it."""
        said = Inbound(channel="zalo_oa", chat=CHAT, message_id=message, sent_at=DAY, attachments=files)
        arrival = inbox.from_channel(said, message)

        def work(connection: sa.Connection) -> bool:
            inbox.put(connection, [arrival], self.house.now())
            return want(connection, [arrival], self.house.now())

        wanted = await self.house.store.write(work)
        self.house.news.tell(["files"])
        return wanted

    async def until(self, what: Callable[[], Any], within_s: float = 10) -> None:
        end = time.monotonic() + within_s
        while not await what():
            assert time.monotonic() < end, f"not within {within_s} s: {what}"
            await asyncio.sleep(0.01)

    async def quiet(self) -> None:
        """Until every file was fetched or given up."""

        async def none_open() -> bool:
            return all(row["next_at"] is None for row in await self.rows(WANTED))

        await self.until(none_open)

    async def tried(self, times: int) -> None:
        """Until so many tries have come to their end."""

        async def done() -> bool:
            return len(self.zalo.called("file")) >= times and not self.files._under_way

        await self.until(done)

    async def later(self, seconds: float) -> None:
        self.clock.move(seconds=seconds)
        self.house.news.tell(["files"])

    async def told(self) -> list[str]:
        """What the resident was told."""
        return [row["body"]["text"] for row in await self.rows(OUTBOX) if row["chat"] == CHAT]


@contextlib.asynccontextmanager
async def begun(house: House, base: str) -> AsyncIterator[Files]:
    """The loop, from a start to an end."""
    async with Fetching({"zalo_oa": base}) as fetching:
        files = house.files = Files(house, fetching)
        loop = asyncio.create_task(files.run())
        try:
            yield files
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)


@contextlib.asynccontextmanager
async def opened(database_url: str, folder: Path) -> AsyncIterator[Room]:
    settings = Settings(_env_file=None, database_url=database_url, media_folder=str(folder / "media"))
    clock = Clock(DAY)
    async with FakeZaloOa() as zalo:
        with shared_content():
            house = build(settings, clock)
        house.channels["zalo_oa"] = ZaloOa("7001", {"9001": "key"}, {"9001": "token"})
        house.channels["messenger"] = Messenger("secret", "verify", "token", "1")
        async with begun(house, zalo.base_url) as files:
            yield Room(house=house, clock=clock, zalo=zalo, files=files)
        house.store.stop()


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with opened(f"sqlite:///{tmp_path / 'gocua.db'}", tmp_path) as one:
        yield one


@pytest.fixture
async def either_room(database_url: str, tmp_path: Path) -> AsyncIterator[Room]:
    """On each kind of database in turn."""
    async with opened(database_url, tmp_path) as one:
        yield one


def sent(ref: str, kind: MediaKind = "photo", name: str = "") -> Attachment:
    return Attachment(kind=kind, ref=ref, name=name)


def out(*files: Attachment, human: bool = False) -> Outgoing:
    return Outgoing(chat="9", text="Bác Tư:", attachments=files, human=human)


# --- in --------------------------------------------------------------------------------------------------------------


async def test_a_picture_is_kept_without_its_place(either_room: Room) -> None:
    room = either_room
    one = sent(room.zalo.keep("a.jpg", picture()))
    assert await room.says(one)
    await room.quiet()
    (row,) = await room.rows(MEDIA)
    assert (row["id"], row["conversation"], row["content_type"]) == (kept_as(TALK, one.ref), TALK, "image/jpeg")
    assert b"Exif" not in room.house.media.bytes_of(row["path"])
    assert await room.rows(WANTED) == []
    assert await room.files.fetch(one, TALK) == row["id"]
    assert await room.told() == []


async def test_a_repeat_fetches_nothing_anew(either_room: Room) -> None:
    room = either_room
    one = sent(room.zalo.keep("a.jpg", picture()))
    for _ in range(3):
        await room.says(one)
    await room.quiet()
    await room.says(one)
    await room.says(one, message="m2")
    assert await room.rows(WANTED) == []
    assert len(room.zalo.called("file")) == 1
    assert len(await room.rows(MEDIA)) == 1


async def test_only_what_lies_with_a_provider_is_wanted(room: Room) -> None:
    assert not await room.says(sent("media:abc"))
    assert not await room.says(message="m2")
    telegram = Arrival(channel="telegram", chat="5", provider_id="1", conversation="telegram:5",
                       body={"kind": "Inbound", "attachments": [{"kind": "photo", "ref": "AgAC"}]})  # fmt: skip
    assert not await room.house.store.write(lambda c: want(c, [telegram], DAY))


@pytest.mark.parametrize("status", [500, 429, 404])
async def test_a_failing_provider_is_asked_again(room: Room, status: int) -> None:
    one = sent(room.zalo.keep("a.jpg", picture()))
    room.zalo.fail("file", status)
    room.zalo.fail("file", status)
    await room.says(one)
    await room.tried(1)
    await room.later(2.1)
    await room.tried(2)
    assert await room.rows(MEDIA) == []
    await room.later(10.1)
    await room.quiet()
    assert len(await room.rows(MEDIA)) == 1
    assert await room.told() == []


async def test_given_up_after_five_tries_and_asked_for_once(room: Room) -> None:
    one = sent(f"{room.zalo.base_url}/kept/nowhere.jpg")
    await room.says(one)
    for times in range(1, 6):
        await room.tried(times)
        await room.later(301)
    await room.quiet()
    assert await room.told() == ["Dạ hình Bác vừa gửi con tải về chưa được. Bác gửi lại giúp con nhé."]
    assert await room.house.store.read(lambda c: lost(c, TALK)) == {one.ref}
    await room.says(one)  # the same event once more
    await room.later(1000)
    assert len(room.zalo.called("file")) == 5
    assert len(await room.told()) == 1


@pytest.mark.parametrize(
    ("kind", "data", "says"),
    [
        ("video", bytes(media.MOST_BYTES + 1), "Dạ đoạn phim Bác vừa gửi nặng quá"),
        ("photo", picture()[:200], "Dạ con không mở được hình này"),
    ],
)
async def test_what_can_never_be_kept_is_told_at_once(room: Room, kind: MediaKind, data: bytes, says: str) -> None:
    await room.says(sent(room.zalo.keep("a", data), kind))
    await room.quiet()
    (told,) = await room.told()
    assert told.startswith(says)
    assert len(room.zalo.called("file")) == 1


async def test_nobody_is_asked_for_a_sticker_again(room: Room) -> None:
    room.zalo.fail("file", 410)
    await room.says(sent(room.zalo.keep("a.png", b""), "sticker"))
    await room.quiet()
    assert await room.told() == []


async def test_a_strange_host_worries_the_operator(room: Room) -> None:
    await room.says(sent("https://anh-moi.example/a.jpg"))
    await room.quiet()
    assert "anh-moi.example" in room.house.worries["files"]
    assert len(await room.told()) == 1


async def test_the_end_of_a_process_loses_no_file(room: Room) -> None:
    """A claim that was never written down is made again, by whoever is there then."""
    one = sent(room.zalo.keep("a.jpg", picture()))
    room.zalo.fail("file", 500)
    await room.says(one)
    await room.tried(1)
    claimed = WANTED.update().values(attempts=1, next_at=room.house.now())
    await room.house.store.write(lambda c: c.execute(claimed) and None)
    async with begun(room.house, room.zalo.base_url):
        await room.quiet()
    assert len(await room.rows(MEDIA)) == 1
    assert CLAIM_S > 30


async def test_two_processes_fetch_a_file_once(either_room: Room) -> None:
    room = either_room
    async with begun(room.house, room.zalo.base_url):
        for number in range(12):
            await room.says(sent(room.zalo.keep(f"{number}.jpg", picture())), message=f"m{number}")
        await room.quiet()
    assert len(room.zalo.called("file")) == 12
    assert len(await room.rows(MEDIA)) == 12


# --- forgotten -------------------------------------------------------------------------------------------------------


async def test_forgetting_takes_the_files_with_it(either_room: Room) -> None:
    room = either_room
    await room.says(sent(room.zalo.keep("a.jpg", picture())))
    await room.quiet()
    (path,) = await room.house.store.write(lambda c: media.forget(c, TALK))
    assert path.is_file()  # removed by whoever asked, once this is on disk
    assert await room.rows(MEDIA) == []


async def test_a_file_that_comes_after_is_not_kept(room: Room) -> None:
    one = sent(room.zalo.keep("a.jpg", picture()))
    await room.says(one)
    held = room.files._one_picture
    async with held:  # it has come, and is about to be decoded
        await room.until(lambda: asyncio.sleep(0, result=bool(room.zalo.called("file"))))
        await room.house.store.write(lambda c: media.forget(c, TALK) and None)
        await room.house.store.write(lambda c: c.execute(INBOX.update().values(body={"kind": "Erased"})) and None)
    await room.tried(1)
    assert await room.rows(MEDIA) == []
    assert list(room.house.media.folder.iterdir()) == []
    assert not await room.says(one)  # a late repeat brings nothing back


async def test_a_try_that_comes_late_takes_away_nothing_that_is_kept(room: Room) -> None:
    """Two tries at one file under one name: what the first kept stays, unless it was forgotten since."""
    one = sent(room.zalo.keep("a.jpg", picture()))
    async with room.files._one_picture:  # the first try has begun
        await room.says(one)
        claimed = await room.house.store.read(lambda c: c.execute(sa.select(WANTED)).one())
    await room.quiet()
    (row,) = await room.rows(MEDIA)
    await room.files._one(claimed)
    assert room.house.media.bytes_of(row["path"])
    assert await room.rows(MEDIA) == [row]
    await room.house.store.write(lambda c: media.forget(c, TALK) and None)
    await room.files._one(claimed)
    assert list(room.house.media.folder.iterdir()) == []


async def test_a_lost_picture_is_marked_in_the_talk(room: Room) -> None:
    good, bad = sent(room.zalo.keep("a.jpg", picture())), sent("https://anh-moi.example/a.jpg")
    await room.says(good, bad)
    await room.quiet()
    (line, _) = await room.house.store.read(lambda c: threads.thread(c, TALK))
    assert [one.lost for one in line.attachments] == [False, True]


# --- out -------------------------------------------------------------------------------------------------------------


async def test_a_message_waits_for_its_own_picture(room: Room) -> None:
    one = sent(room.zalo.keep("a.jpg", picture()))
    async with room.files._one_picture:
        await room.says(one)
        waiting = asyncio.create_task(room.files.ready(out(one), "telegram", TALK))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    ready = await waiting
    (row,) = await room.rows(MEDIA)
    assert [file.ref for file in ready.attachments] == [f"media:{row['id']}"]
    assert ready.text == "Bác Tư:"


@pytest.mark.parametrize(
    ("data", "kind", "name"),
    [(OGG, "voice", "ghi-am.ogg"), (AMR, "file", "ghi-am.amr"), (picture(), "photo", "hinh.jpg")],
)
async def test_a_voice_goes_as_what_the_channel_plays(room: Room, data: bytes, kind: MediaKind, name: str) -> None:
    one = sent(room.zalo.keep("a", data), "voice")
    await room.says(one)
    (file,) = (await room.files.ready(out(one), "telegram", TALK)).attachments
    assert (file.kind, file.name) == (kind, name)
    assert file.size_bytes > 0


async def test_what_is_lost_is_told_in_its_place(room: Room) -> None:
    good, bad = sent(room.zalo.keep("a.jpg", picture())), sent("https://anh-moi.example/a.jpg")
    await room.says(good, bad)
    await room.quiet()
    ready = await room.files.ready(out(good, bad), "telegram", TALK)
    assert len(ready.attachments) == 1
    assert ready.text == "Bác Tư:\n(hình không tải được, đã nhờ bà con gửi lại)"


async def test_what_takes_too_long_is_told_too(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.files.WAIT_S", 0.05)
    one = sent(room.zalo.keep("a.jpg", picture()))
    async with room.files._one_picture:
        await room.says(one)
        ready = await room.files.ready(out(one), "telegram", TALK)
    assert ready.text == "Bác Tư:\n(hình tải chưa kịp, mở bàn làm việc để xem)"


async def test_telegrams_own_files_stay_with_telegram(room: Room) -> None:
    one = sent("AgACfile", "voice")
    assert (await room.files.ready(out(one), "telegram", "telegram:5")).attachments == (one,)
    assert await room.files.fetch(one, "telegram:5") is None  # that channel is off here


@pytest.mark.parametrize(("channel", "carried"), [("zalo_oa", False), ("messenger", True)])
async def test_a_members_file_that_is_not_carried_is_refused_to_them(room: Room, channel: str, carried: bool) -> None:
    kept = room.house.media.keep_as("f" + "1" * 31, AMR, "voice")
    await room.house.store.write(lambda c: media.insert(c, kept, TALK, DAY))
    voice = sent(f"media:{kept.id}", "voice")
    if carried:
        assert len((await room.files.ready(out(voice, human=True), channel, TALK)).attachments) == 1
        return
    with pytest.raises(SendError, match="Zalo OA") as refused:
        await room.files.ready(out(voice, human=True), channel, TALK)
    assert refused.value.permanent


async def test_a_members_file_that_is_gone_is_refused_to_them(room: Room) -> None:
    with pytest.raises(SendError) as refused:
        await room.files.ready(out(sent("media:gone"), human=True), "zalo_oa", TALK)
    assert refused.value.permanent


async def test_telegram_away_for_a_moment_is_no_refusal(room: Room) -> None:
    class Line:
        async def fetch(self, *_: str) -> str:
            raise SendError("the file did not come")

    room.house.line = Line()  # type: ignore[assignment]
    with pytest.raises(SendError) as failed:
        await room.files.ready(out(sent("AgAC"), human=True), "zalo_oa", TALK)
    assert not failed.value.permanent
    assert await room.files.fetch(sent("AgAC"), TALK) is None
