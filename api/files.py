"""Files on their way: fetched from the provider as soon as their message is stored, and made ready to go out again.

What is wanted is a row, so a restart loses none; who claims one moves its next try on, so two processes never fetch the
same. What cannot be had is said: the resident is asked to send it again, the member reads so in its place. Addresses
of Zalo and Messenger expire, so those files are fetched at once; Telegram's stay, and are fetched when first needed.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog
from msgspec.structs import replace
from sqlalchemy.dialects import postgresql, sqlite

from api import inbox, media, outbox
from api.among import Found
from api.carried import as_sent, why_not
from api.fetching import HOSTS, Fetching, NotFetched
from api.inbox import Arrival
from api.media import Kept, MediaRefused, kept_as
from api.outbox import Pen
from api.tables import Inbox, WantedFile
from bot.channel import PICTURE, SPEECH, Outgoing, SendError
from bot.model import Attachment, Inbound, MediaKind, Reply

if TYPE_CHECKING:
    from api.house import House

log = structlog.get_logger()

#: pauses before the second try and those after it; a file that then did not come is given up
PAUSES_S = (2.0, 10.0, 60.0, 300.0)
#: a try that was never written down is made again after this: longer than any try takes
CLAIM_S = 180.0
MOST_AT_ONCE = 4
#: a message waits so long for a file of its own that is still being fetched, then goes without
WAIT_S = 20.0
SWEEP_EVERY = timedelta(hours=24)
#: how the ref of a file begins that is no id of Telegram's and no media id
_ADDRESS = ("https://", "http://")

_wanted = WantedFile.__table__
_inbox = Inbox.__table__
_INSERT = {
    "sqlite": sqlite.insert(_wanted).on_conflict_do_nothing(index_elements=["id"]),
    "postgresql": postgresql.insert(_wanted).on_conflict_do_nothing(index_elements=["id"]),
}
_DUE = (
    sa.select(_wanted.c.id)
    .where(_wanted.c.next_at <= sa.bindparam("now"))
    .order_by(_wanted.c.next_at)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    _wanted.update()
    .where(Found(_wanted.c.id, _DUE), _wanted.c.next_at <= sa.bindparam("now"))
    .values(attempts=_wanted.c.attempts + 1, next_at=sa.bindparam("claimed_until"))
    .returning(*_wanted.c)
)
_NEXT_DUE = sa.select(sa.func.min(_wanted.c.next_at))

#: what the resident reads: what it was, for each kind that is worth asking for again
_CALLED: dict[MediaKind, str] = {
    "photo": "hình", "voice": "lời ghi âm", "audio": "đoạn âm thanh", "video": "đoạn phim", "note": "đoạn phim",
    "file": "tệp",
}  # fmt: skip
_ASK_AGAIN = "Dạ {what} Bác vừa gửi con tải về chưa được. Bác gửi lại giúp con nhé."
_ASK_SMALLER = "Dạ {what} Bác vừa gửi nặng quá, con nhận chưa được. Bác gửi bản nhỏ hơn giúp con nhé."
#: what the member reads in place of the file
LOST = "({what} không tải được, đã nhờ bà con gửi lại)"
LATE = "({what} tải chưa kịp, mở bàn làm việc để xem)"


def want(connection: sa.Connection, arrivals: Sequence[Arrival], now: datetime) -> bool:
    """Write down what has to be fetched of messages, in the transaction that has just put them into the inbox.

    Whether there is any: then tell news of "files". A repeat changes nothing.
    """
    rows = [
        {
            "id": kept_as(one.conversation, file["ref"]), "conversation": one.conversation, "channel": one.channel,
            "ref": file["ref"], "kind": file["kind"], "name": file.get("name", ""), "attempts": 0, "next_at": now,
        }
        for one in arrivals
        if one.channel in HOSTS and one.body.get("attachments") and _is_kept(connection, one)
        for file in one.body["attachments"]
        if not file["ref"].startswith("media:")
    ]  # fmt: skip
    for row in rows:
        if media.find(connection, row["id"]) is None:
            connection.execute(_INSERT[connection.dialect.name], row)
    return bool(rows)


def _is_kept(connection: sa.Connection, one: Arrival) -> bool:
    """Whether the words of a message are there: a late repeat of one that was forgotten brings nothing back."""
    same = (_inbox.c.channel == one.channel, _inbox.c.chat == one.chat, _inbox.c.provider_id == one.provider_id)
    body = connection.execute(sa.select(_inbox.c.body).where(*same)).scalar()
    return body is not None and body.get("kind") == Inbound.__name__


def lost(connection: sa.Connection, conversation: str) -> frozenset[str]:
    """The refs of this conversation's files that were given up."""
    gone = (_wanted.c.conversation == conversation, _wanted.c.next_at.is_(None))
    return frozenset(connection.execute(sa.select(_wanted.c.ref).where(*gone)).scalars())


class Files:
    """The loop, and what pages and the sender ask of it. One per process."""

    def __init__(self, house: "House", fetching: Fetching) -> None:
        self.house, self.fetching = house, fetching
        self._under_way: set[asyncio.Task[None]] = set()
        #: a picture unpacks to as much as 150 MB: never two at once
        self._one_picture = asyncio.Lock()
        self._swept_at: datetime | None = None
        self._ending = False

    async def run(self) -> None:
        """Until cancelled: claim what is due, fetch it, and once a day remove files that nothing speaks of."""
        with self.house.news.listen("files") as heard:
            try:
                while True:
                    await heard.wait(await self._pump())
            finally:
                self._ending = True
                for task in self._under_way:
                    task.cancel()
                await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _pump(self) -> float:
        """One round, which never raises. Returns how many seconds to wait for news before the next one."""
        now = self.house.now()
        try:
            if self._swept_at is None or now - self._swept_at > SWEEP_EVERY:
                self._swept_at = now
                await self._sweep()
            room = MOST_AT_ONCE - len(self._under_way)
            rows, due = await self.house.store.write(lambda c: _claim(c, now, room))
        except Exception:
            log.exception("files_failed")
            return 1.0
        for row in rows:
            task = asyncio.create_task(self._one(row))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return 1.0 if due is None else min(1.0, max(0.02, (due - now).total_seconds()))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self.house.news.tell(["files"])

    async def _one(self, row: Any) -> None:
        """One try, and what came of it written down. Never raises: what was not written down is tried again."""
        try:
            try:
                data = await self.fetching.get(row.channel, row.ref, media.MOST_BYTES)
                async with self._one_picture:
                    kept = await asyncio.to_thread(self.house.media.keep_as, row.id, data, row.kind, row.name)
            except NotFetched as error:
                await self._not_fetched(row, error)
            except MediaRefused as error:
                await self._give_up(row, str(error))
            else:
                await self._fetched(row, kept)
        except Exception:
            log.exception("file_raised", channel=row.channel)
        self.house.news.tell([f"file:{row.id}", "desk", row.conversation])

    async def _fetched(self, row: Any, kept: Kept) -> None:
        def work(connection: sa.Connection) -> bool:
            if not connection.execute(_wanted.delete().where(_wanted.c.id == row.id)).rowcount:
                # another try was first; or the resident was forgotten meanwhile: then nothing of theirs is kept
                return media.find(connection, row.id) is not None
            media.insert(connection, kept, row.conversation, self.house.now())
            return True

        if not await self.house.store.write(work):
            kept.path.unlink(missing_ok=True)

    async def _not_fetched(self, row: Any, error: NotFetched) -> None:
        log.warning("file_not_fetched", channel=row.channel, why=str(error), host=error.strange_host,
                    attempts=row.attempts)  # fmt: skip
        if error.strange_host:
            self.house.worries["files"] = (
                f"Có tệp gửi qua {row.channel} nằm ở máy chủ lạ {error.strange_host}, chưa tải về. Nếu máy chủ đó đúng "
                "của nhà cung cấp, báo người làm phần mềm thêm vào api/fetching.py."
            )
        if error.for_good or row.attempts > len(PAUSES_S):
            await self._give_up(row, _words(_ASK_SMALLER if error.too_big else _ASK_AGAIN, row.kind))
            return
        again_at = self.house.now() + timedelta(seconds=PAUSES_S[row.attempts - 1])
        later = _wanted.update().where(_wanted.c.id == row.id).values(next_at=again_at)
        await self.house.store.write(lambda c: c.execute(later) and None)

    async def _give_up(self, row: Any, words: str) -> None:
        """The resident is asked once, whoever holds the talk; words "" ask for nothing."""
        now = self.house.now()

        def work(connection: sa.Connection) -> None:
            gone = _wanted.update().where(_wanted.c.id == row.id).values(next_at=None, name="")
            if not connection.execute(gone).rowcount or not words:
                return
            chat = row.conversation.partition(":")[2]
            arrival = Arrival(channel=row.channel, chat=chat, provider_id=f"lost:{row.id}",
                              conversation=row.conversation, body={"kind": "FileLost"})  # fmt: skip
            pen = Pen(inbox.put_done(connection, arrival, now), row.conversation, now)
            pen.reply(Reply(text=words, notice=True), 0)
            outbox.insert(connection, pen.rows)

        await self.house.store.write(work)
        self.house.news.tell(["outbox"])

    async def _sweep(self) -> None:
        known = await self.house.store.read(media.known_paths)
        if removed := await asyncio.to_thread(self.house.media.sweep, known):
            log.warning("files_swept", removed=removed)

    # --- for pages and the sender ----------------------------------------------------------------------------------

    async def fetch(self, one: Attachment, conversation: str) -> str | None:
        """The media id of a file of this conversation, for a page; None when it is not here now."""
        with contextlib.suppress(SendError):
            return await self._have(one, conversation)
        return None

    async def _have(self, one: Attachment, conversation: str) -> str | None:
        """From Telegram it is fetched now, which may raise SendError; other providers' are here, or not."""
        if one.ref.startswith("media:"):
            media_id = one.ref.removeprefix("media:")
        elif one.ref.startswith(_ADDRESS):
            media_id = kept_as(conversation, one.ref)
        elif self.house.line is None:
            return None
        else:
            return await self.house.line.fetch(one.ref, conversation, one.kind, one.name)
        return media_id if await self.house.store.read(lambda c: media.find(c, media_id)) else None

    async def ready(self, outgoing: Outgoing, channel: str, conversation: str) -> Outgoing:
        """With its files as `channel` takes them, for the sender to call before it renders.

        A resident's file that is not here is told of in the text. Raises SendError for a member's file that cannot be
        had or that the channel does not carry, for its sender is told of that; and when it may be had later.
        """
        lines, files = [outgoing.text], []
        for one in outgoing.attachments:
            if one.ref.startswith((PICTURE, SPEECH)):
                files.append(one)
                continue
            if channel == "telegram" and not one.ref.startswith(("media:", *_ADDRESS)):
                files.append(one)  # it lies there already
                continue
            media_id = await self._awaited(one, conversation)
            row = await self.house.store.read(lambda c, media_id=media_id: media.find(c, media_id or ""))  # type: ignore[misc]
            if row is None and outgoing.human:
                raise SendError("a file of this message can no longer be had", permanent=True)
            if row is None:
                pending = await self._is_pending(kept_as(conversation, one.ref))
                lines.append(_words(LATE if pending else LOST, one.kind) or "(hình động)")
                continue
            known = replace(one, ref=f"media:{row['id']}", size_bytes=row["size_bytes"], name=one.name or row["name"])
            sent = as_sent(channel, known, row["content_type"])
            if outgoing.human and (why := why_not(self.house.channels[channel].capabilities, sent)):
                raise SendError(why, permanent=True)
            files.append(sent)
        return replace(outgoing, text="\n".join(line for line in lines if line), attachments=tuple(files))

    async def _awaited(self, one: Attachment, conversation: str) -> str | None:
        """Its media id, waited for while it is being fetched."""
        wanted_id = kept_as(conversation, one.ref)
        with self.house.news.listen(f"file:{wanted_id}") as heard:
            end = asyncio.get_running_loop().time() + WAIT_S
            while True:
                # asked before whether it is here: it may come between the two
                pending = await self._is_pending(wanted_id)
                if found := await self._have(one, conversation):
                    return found
                left_s = end - asyncio.get_running_loop().time()
                if left_s <= 0 or not pending:
                    return None
                if self._ending:
                    raise SendError("the service ends; the file is fetched after its next start")
                await heard.wait(min(left_s, 1.0))  # another process may be the one that fetches it

    async def _is_pending(self, wanted_id: str) -> bool:
        query = sa.select(_wanted.c.id).where(_wanted.c.id == wanted_id, _wanted.c.next_at.is_not(None))
        return await self.house.store.read(lambda c: c.execute(query).first()) is not None


def _claim(connection: sa.Connection, now: datetime, most: int) -> tuple[Sequence[Any], datetime | None]:
    """The rows that are this process's to fetch now, and when the next is due."""
    claim = {"now": now, "most": most, "claimed_until": now + timedelta(seconds=CLAIM_S)}
    rows = connection.execute(_CLAIM, claim).all() if most > 0 else ()
    return rows, connection.execute(_NEXT_DUE).scalar()


def _words(sentence: str, kind: MediaKind) -> str:
    """The sentence with the name of the kind; "" for a sticker, which nobody misses."""
    what = _CALLED.get(kind, "")
    return sentence.format(what=what) if what else ""
