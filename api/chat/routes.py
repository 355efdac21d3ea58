"""The resident's web chat: the page, what it sends and what it reads. Never decides what is said.

The resident is whoever holds the signed cookie; their talk is "web:<that id>". What they send is stored before it is
answered 202, under an id of the page's own making, so the page may send the same thing as often as it likes. Words to
them are the outbox rows of channel "web": the page reads those, nothing is sent.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, StreamingResponse
from msgspec.structs import replace
from starlette.datastructures import FormData, UploadFile

from api import inbox, media, threads
from api.auth import same_site
from api.chat import embed
from api.chat.door import MOST_CHARACTERS, MOST_PHOTO_BYTES, UUID, Door, bound, read_said
from api.chat.pages import Pages, page_headers
from api.house import House
from api.inbox import Arrival
from api.media import Kept, MediaRefused
from api.prepared import Row
from api.store import StoreBusy
from api.voice import NotSpoken
from bot.model import Attachment, Inbound
from knowledge.secrets import redact

BEAT_SECONDS = 15.0
LABEL_CHARACTERS = 80

#: an outbox row's id
After = Annotated[int, Query(ge=0, le=2**63 - 1)]

_HERE = Path(__file__).parent
_STATIC = {"chat.css": "text/css; charset=utf-8", "chat.js": "text/javascript; charset=utf-8"}
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


def router(house: House) -> APIRouter:
    # a frame's cookie comes along from wherever a browser is old: what other sites post is refused
    routes = APIRouter(dependencies=[Depends(same_site)])
    door, pages = Door(house), Pages(house.settings.zalo_verify, speaks=house.voice is not None)
    routes.include_router(embed.router(house, door, pages))
    #: a picture unpacks to as much as 150 MB: never two at once
    one_picture = asyncio.Lock()

    @routes.get("/")
    async def page(request: Request) -> Response:
        resident = door.resident(request)
        lines = () if resident is None else await house.store.read(lambda c: threads.thread(c, f"web:{resident}"))
        answer = HTMLResponse(pages.page(lines, MOST_CHARACTERS, house.now()), headers=page_headers())
        door.let_in(answer, resident)
        return answer

    @routes.get("/chat/lines")
    async def lines(request: Request, after: After = 0) -> Response:
        key = door.key(request)
        fresh = await house.store.read(lambda c: threads.fresh(c, key, after))
        now = house.now()
        return JSONResponse([pages.line(line, now) for line in fresh], headers={**_SAFE, "Cache-Control": "no-store"})

    @routes.get("/chat/stream")
    async def stream(request: Request, after: After = 0) -> Response:
        last = request.headers.get("last-event-id", "")
        seen = int(last) if re.fullmatch(r"[0-9]{1,18}", last) else after
        return StreamingResponse(
            _told(house, pages, door.key(request), seen),
            media_type="text/event-stream",
            headers={**_SAFE, "Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @routes.post("/chat/say")
    async def say(request: Request) -> Response:
        key = door.key(request)
        door.keep_pace(request, key)
        said = await read_said(request)
        # A picked choice brings no words of its own. NUL is what PostgreSQL cannot store.
        words = redact("" if said.choice else said.text.replace("\0", ""))
        inbound = Inbound(
            channel="web", chat=key.removeprefix("web:"), message_id=said.id, sent_at=house.now(), text=words.text,
            choice=said.choice or None, point=said.point, secrets=words.found,
        )  # fmt: skip
        arrival = inbox.from_channel(inbound, said.id)
        if said.choice:  # so that the thread can show what was picked
            label = redact(said.label.replace("\0", "")[:LABEL_CHARACTERS]).text
            arrival = replace(arrival, body={**arrival.body, "label": label})
        await _store(house, arrival, None)
        return JSONResponse({"id": said.id}, status_code=202, headers=_SAFE)

    @routes.post("/chat/photo")
    async def photo(request: Request) -> Response:
        key = door.key(request)
        door.keep_pace(request, key)
        bound(request, MOST_PHOTO_BYTES)
        try:
            async with request.form(max_files=1, max_fields=1) as form:  # a large one lies on the disk meanwhile
                photo_id, data = await _photo(form)
            async with one_picture:
                kept = await asyncio.to_thread(house.media.keep_photo, data)
        except MediaRefused as refused:
            raise HTTPException(422, str(refused)) from refused
        except (StoreBusy, OSError) as error:
            raise _busy() from error
        inbound = Inbound(
            channel="web", chat=key.removeprefix("web:"), message_id=photo_id, sent_at=house.now(),
            attachments=(Attachment(kind="photo", ref=f"media:{kept.id}", size_bytes=kept.size_bytes),),
        )  # fmt: skip
        if not await _store(house, inbox.from_channel(inbound, photo_id), kept):
            kept.path.unlink(missing_ok=True)  # it came before: those bytes are kept already
        return JSONResponse({"id": photo_id}, status_code=202, headers=_SAFE)

    @routes.get("/chat/media/{media_id}")
    async def shown(request: Request, media_id: str) -> Response:
        key = door.key(request)
        return _file(await house.store.read(lambda c: _theirs_to_see(c, key, media_id)))

    @routes.get("/chat/picture/{name}")
    async def picture(name: str) -> Response:
        """Of a step: anybody may see it, and it is the same for all."""
        known = house.shelf.library.pictures.get(name)
        if known is None:
            raise HTTPException(404)
        headers = {**_SAFE, "Cache-Control": "public, max-age=3600"}
        return FileResponse(known.file, media_type="image/png", headers=headers)

    @routes.get("/chat/speech/{line_id}")
    async def speech(request: Request, line_id: str) -> Response:
        """A line that was said to this resident, read aloud."""
        key = door.key(request)
        lines = await house.store.read(lambda c: threads.fresh(c, key, 0))
        line = next((line for line in lines if line.id == line_id), None)
        if line is None or house.voice is None:
            raise HTTPException(404)
        door.keep_pace(request, f"speech:{key}")
        library = house.shelf.library
        try:
            words = library.speech.spoken(line.text, [label for _, label in line.choices])
            sound = await house.voice.sound(words, "web")
        except NotSpoken as error:
            raise HTTPException(503, library.phrases.aloud_failed) from error
        headers = {**_SAFE, "Cache-Control": "private, max-age=86400"}
        return FileResponse(sound.path, media_type=sound.content_type, headers=headers)

    @routes.get("/chat/file/{line_id}/{place}")
    async def fetched(request: Request, line_id: str, place: int) -> Response:
        """What a member sent and still lies with the provider: fetched when the resident first looks at it."""
        key = door.key(request)
        lines = await house.store.read(lambda c: threads.fresh(c, key, 0))
        there = next((line.attachments for line in lines if line.id == line_id), ())
        if house.files is None or not 0 <= place < len(there):
            return _file(None)
        media_id = await house.files.fetch(there[place].attachment, key)
        return _file(await house.store.read(lambda c: media.find(c, media_id)) if media_id else None)

    @routes.get("/chat/static/{name}")
    async def static(name: str) -> Response:
        if name not in _STATIC:
            raise HTTPException(404)
        return FileResponse(
            _HERE / "static" / name, media_type=_STATIC[name], headers={**_SAFE, "Cache-Control": "no-cache"}
        )

    return routes


async def _photo(form: FormData) -> tuple[str, bytes]:
    photo_id, file = form.get("id"), form.get("file")
    if not (isinstance(photo_id, str) and re.fullmatch(UUID, photo_id) and isinstance(file, UploadFile)):
        raise HTTPException(400, "Dạ con chưa nhận được hình. Bác gửi lại giúp con nhé.")
    return photo_id, await file.read()


async def _store(house: House, arrival: Arrival, kept: Kept | None) -> bool:
    """True when this is new, False when it had come before. Only what is on disk is answered."""
    now = house.now()

    def work(connection: sa.Connection) -> bool:
        new = inbox.put_new(connection, arrival, now)
        if new and kept:
            media.insert(connection, kept, arrival.conversation, now)
        return new

    try:
        on_its_way = house.store.queue(work)
        house.news.tell(["turns"])  # already: the turn shares the commit
        new = await on_its_way
    except StoreBusy as busy:
        raise _busy() from busy
    house.counts.came("web", int(new))
    return new


def _busy() -> HTTPException:
    return HTTPException(503, "Dạ con đang bận, con sẽ thử lại ngay.", {"Retry-After": "5"})


def _file(row: Row | None) -> Response:
    if row is None:
        raise HTTPException(404, "Dạ hình này không còn ở đây.")
    content_type, inline = media.in_page(row["content_type"])
    return FileResponse(
        row["path"],
        media_type=content_type,
        filename=row["name"] or row["id"],
        content_disposition_type="inline" if inline else "attachment",
        headers={**_SAFE, "Cache-Control": "private, max-age=86400"},
    )


def _theirs_to_see(connection: sa.Connection, key: str, media_id: str) -> Row | None:
    """A picture of this resident's own talk, or one that a line of it brought them."""
    row = media.find(connection, media_id)
    if row is None or row["conversation"] == key:
        return row
    told = threads.fresh(connection, key, 0)
    brought = any(shown.ref == f"media:{media_id}" for line in told for shown in line.attachments)
    return row if brought else None


async def _told(house: House, pages: Pages, key: str, seen: int) -> AsyncIterator[str]:
    """Every line after the outbox row `seen`, as it comes. The beat also finds what another process wrote."""
    with house.news.listen(key) as heard:
        yield "retry: 3000\n\n"
        while True:
            for line in await house.store.read(partial(threads.fresh, key=key, after=seen)):
                seen = line.out_id
                yield f"id: {seen}\ndata: {json.dumps(pages.line(line, house.now()))}\n\n"
            if not await heard.wait(BEAT_SECONDS):
                # An event, not a comment: the page's script has to hear it to know that the line lives.
                yield "event: beat\ndata: 1\n\n"
