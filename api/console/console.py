"""What the console's routes share: show the desk or a case, note that it was read, act. Decides nothing itself."""

import re
from datetime import timedelta
from typing import TypeVar
from uuid import uuid4

import sqlalchemy as sa
from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from api import cases, desk, directory, media, windows, words
from api.auth import Member
from api.console import case_views, views
from api.console.pages import Pages, plain
from api.house import House
from api.store import Work
from bot.model import Attachment
from bot.said import VIETNAM

T = TypeVar("T")

MOST_LETTERS = 2000
#: a page that stays open is written down again as read, so often
READ_AGAIN = timedelta(minutes=15)
_SAY_ID = re.compile(r"[\w-]{8,64}")


class Console:
    """What several routes do: show a page, and act."""

    def __init__(self, house: House, pages: Pages) -> None:
        self.house, self.pages = house, pages

    async def desk(self, template: str, me: Member, notice: str) -> Response:
        house = self.house
        today = house.now().astimezone(VIETNAM).date()
        shown = await house.store.read(lambda c: views.desk(c, house.shelf.library, me))
        away = await house.store.read(lambda c: directory.away_until(c, me.id, today))
        worries = [*house.worries.values()]
        if house.shelf.worry:
            worries.append(f"Nội dung có lỗi, đang dùng bản trước: {house.shelf.worry}")
        return self.pages.answer(
            template, me=me, desk=shown, now=house.now(), notice=notice, worries=worries,
            away=words.day(away.isoformat()) if away else "",
        )  # fmt: skip

    async def case(
        self,
        me: Member,
        case_id: int,
        *,
        status: int = 200,
        notice: str = "",
        trouble: str = "",
        text: str = "",
        phone: str = "",
        ready: int = 0,
    ) -> Response:
        """The case's page; `text`, or the kept reply `ready`, is put into the box. `phone` is shown in full.

        A case not to be seen gets the kind 404, which says who holds it to those who could have taken it.
        """
        await self._note_reading(me, case_id, always=True)
        shown = await self._opened(me, case_id)
        if shown is None:
            holder = await self.house.store.read(lambda c: views.holder_elsewhere(c, case_id, me))
            # What they wrote is theirs: it is handed back even when the case is gone.
            return self.pages.answer("gone.html", 409 if text else 404, text=text, holder=holder)
        library = self.house.shelf.library
        beside, now = None, self.house.now()
        if shown.reach == "talk":
            beside = await self.house.store.read(lambda c: case_views.beside(c, library, case_id, me, now))
            text = text or next((one.text for one in beside.ready if one.id == ready), "")
        window = await self.house.store.read(lambda c: windows.left(c, shown.conversation, now))
        today = self.house.now().astimezone(VIETNAM).date()
        return self.pages.answer(
            "case.html", status, me=me, case=shown, now=self.house.now(), notice=notice, trouble=trouble, text=text,
            phone=phone, beside=beside, say_id=uuid4().hex, today=today, window=window,
            tomorrow=today + timedelta(days=1), most_letters=MOST_LETTERS,
        )  # fmt: skip

    async def lines(self, me: Member, case_id: int, notice: str = "") -> Response:
        """The talk alone, for a page that is open."""
        await self._note_reading(me, case_id, always=False)
        shown = await self._opened(me, case_id)
        if shown is None:
            return plain("Việc này không còn ở chỗ mình.", 404)
        return self.pages.answer("lines.html", case=shown, now=self.house.now(), say_id=uuid4().hex, notice=notice)

    async def do(self, work: Work[T]) -> T:
        """Change something, and wake who waits for it."""
        on_its_way = self.house.store.queue(work)
        self.house.news.tell(["turns"])  # already: the turn, and what it gives the sender, share the commit
        result = await on_its_way
        self.house.news.tell(["desk", "outbox"])
        return result

    async def act(self, work: Work[bool | None]) -> bool:
        return await self.do(work) is not False

    async def say(self, me: Member, case_id: int, text: str, attachments: tuple[Attachment, ...], say_id: str) -> bool:
        now = self.house.now()
        own_id = say_id if _SAY_ID.fullmatch(say_id) else uuid4().hex
        return await self.act(lambda c: desk.say(c, case_id, me.id, text, attachments, own_id, now))

    async def say_photo(self, me: Member, case_id: int, request: Request) -> bool:
        """Raises MediaRefused when what came is no picture."""
        house = self.house
        async with request.form(max_files=1, max_fields=4) as form:
            file, say_id = form.get("photo"), str(form.get("id", ""))
            data = await file.read() if isinstance(file, UploadFile) else b""
        kept = await run_in_threadpool(house.media.keep_photo, data)
        attachment = Attachment(kind="photo", ref=f"media:{kept.id}", size_bytes=kept.size_bytes)
        own_id = say_id if _SAY_ID.fullmatch(say_id) else uuid4().hex
        now = house.now()

        def send(connection: sa.Connection) -> bool:
            case = cases.find(connection, case_id)
            if case is None or not desk.say(connection, case_id, me.id, "", (attachment,), own_id, now):
                return False
            media.insert(connection, kept, case["conversation"], now)
            return True

        sent = await self.act(send)
        if not sent:
            kept.path.unlink(missing_ok=True)
        return sent

    async def _opened(self, me: Member, case_id: int) -> views.Opened | None:
        library = self.house.shelf.library
        return await self.house.store.read(lambda c: views.opened(c, library, case_id, me))

    async def _note_reading(self, me: Member, case_id: int, *, always: bool) -> None:
        """Written down before anything is shown: what cannot be recorded is not read."""
        now = self.house.now()

        def is_noted(connection: sa.Connection) -> bool:
            return views.was_read_since(connection, case_id, me.id, now - READ_AGAIN)

        def note(connection: sa.Connection) -> None:
            how = views.reach(connection, cases.find(connection, case_id), me)
            if how != "none":
                views.note_reading(connection, case_id, me.id, how, now)

        if always or not await self.house.store.read(is_noted):
            await self.house.store.write(note)
