"""Pictures sent together on Telegram are one message: to the bot, and to whoever answers."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from api import albums, inbox, threads
from bot.model import Attachment, Inbound
from tests.service import CHAT, DAY, INBOX, LAN, OUTBOX, only, started

TU = 2001


def row(number: int, **body: Any) -> Any:
    return SimpleNamespace(id=number, conversation="telegram:1", channel="telegram", chat="1", attempts=0,
                           received_at=DAY, next_at=DAY + albums.GATHER, body={"kind": "Inbound"} | body)  # fmt: skip


def test_pieces_are_joined_where_the_first_stands() -> None:
    rows = [
        row(1, album="7", attachments=["a"]),
        row(2, text="giữa"),
        row(3, album="7", attachments=["b"], text="hai hình", secrets=["otp"]),
        row(4, album="8", attachments=["c"]),
    ]
    first, between, other = albums.whole(rows)
    assert (first.id, first.pieces, first.next_at) == (1, (3,), DAY + albums.GATHER)
    assert first.body == {"kind": "Inbound", "album": "7", "attachments": ["a", "b"], "text": "hai hình",
                          "secrets": ["otp"]}  # fmt: skip
    assert (between.id, between.pieces, between.body["text"]) == (2, (), "giữa")
    assert (other.id, other.pieces) == (4, ())
    assert albums.whole([]) == []


async def test_an_album_is_not_cut_where_a_crowd_writes(tmp_path: Path, database_url: str) -> None:
    def piece(number: int) -> Inbound:
        file = Attachment(kind="photo", ref=f"f{number}")
        return Inbound(channel="telegram", chat=str(TU), message_id=f"{number}", album="77",
                       attachments=(file,), sent_at=DAY)  # fmt: skip

    crowd = [
        Inbound(channel="telegram", chat=str(3000 + n % 63), message_id=f"9{n}", text="dạ", sent_at=DAY)
        for n in range(130)
    ]
    came = [piece(1), *crowd, piece(2)]
    async with started(tmp_path, database_url=database_url) as service:
        house = service.house
        arrivals = [inbox.from_channel(one, one.message_id) for one in came]
        await house.store.write(lambda c: inbox.put(c, arrivals, house.now() - albums.GATHER))
        house.news.tell(["turns"])
        await service.quiet()
        mine = sa.select(INBOX.c.body).where(INBOX.c.chat == str(TU)).order_by(INBOX.c.id)
        first, second = [row["body"] for row in await service.rows(mine)]
        assert [file["ref"] for file in first["attachments"]] == ["f1", "f2"]
        assert second == albums.PIECE


async def test_an_album_is_one_message_to_the_member(tmp_path: Path) -> None:
    async with started(tmp_path, people=only(LAN)) as service:
        case = await service.hands_off(TU)
        await service.press(CHAT[LAN], "Nhận")
        before = len(service.shown(CHAT[LAN]))
        for number in range(3):
            size = {"file_id": service.telegram.keep_file(b"x", f"photos/{number}.jpg"), "file_unique_id": str(number)}
            more: dict[str, Any] = {"caption": "đây con"} if number == 1 else {}
            photo = [size | {"width": 9, "height": 9}]
            assert await service.telegram.says(TU, media_group_id="77", photo=photo, **more) == 200
        await service.quiet()
        rows = await service.rows(sa.select(OUTBOX).where(OUTBOX.c.chat == str(CHAT[LAN])).order_by(OUTBOX.c.id))
        assert len(rows[-1]["body"]["attachments"]) == 3
        assert rows[-1]["body"]["text"].endswith("đây con")
        assert rows[-1]["case_id"] == case
        assert len(service.shown(CHAT[LAN])) == before + 4  # three pictures and the words
        done = await service.rows(sa.select(INBOX.c.body).where(INBOX.c.body["kind"].as_string() == "AlbumPiece"))
        assert len(done) == 2
        (line,) = [
            line
            for line in await service.house.store.read(lambda c: threads.thread(c, f"telegram:{TU}"))
            if line.attachments
        ]
        assert (len(line.attachments), line.text) == (3, "đây con")
