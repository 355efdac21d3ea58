"""The members' console under /team: what members open and press. Cases change only through api.desk.

Every form works without a script; the script only refreshes lists and sends without a reload.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated, get_args

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import FileResponse, RedirectResponse, Response, StreamingResponse

from api import cases, casework, crew, desk, media
from api.auth import Member, member_of, same_site
from api.console import (
    acts,
    canned,
    cards,
    channels,
    content,
    courses,
    install,
    lead,
    leave,
    misses,
    notices,
    sign_in,
    surveys,
    views,
    visits,
)
from api.console.acts import MOST_PLACE_LETTERS
from api.console.console import MOST_LETTERS, Console
from api.console.pages import NOTICES, SAFE, Pages, is_day_to_come, plain, static
from api.house import House
from api.news import News
from api.prepared import Row
from bot.model import Outcome
from bot.said import VIETNAM
from knowledge.secrets import redact

BEAT_SECONDS = 15.0

Me = Annotated[Member, Depends(member_of)]
CaseId = Annotated[int, Path(ge=1, lt=2**53)]

_NOT_MINE = "Việc này không còn ở chỗ mình, hoặc đã khép lại, nên lời này chưa gửi. Lời vẫn còn trong ô."


def router(house: House) -> APIRouter:  # one short function a route
    pages = Pages()
    console = Console(house, pages)
    routes = APIRouter(prefix="/team", dependencies=[Depends(same_site)])
    routes.include_router(sign_in.router(house, pages))
    of_members = (acts, visits, canned, leave, install, courses, cards, content)
    of_leads = (lead, misses, channels, notices, surveys)
    for part in (*of_members, *of_leads):
        routes.include_router(part.router(console))

    @routes.get("")
    async def desk_page(me: Me, notice: str = "") -> Response:
        return await console.desk("desk.html", me, NOTICES.get(notice, ""))

    @routes.get("/lists")
    async def lists(me: Me) -> Response:
        return await console.desk("lists.html", me, "")

    @routes.get("/stream", dependencies=[Depends(member_of)])
    async def stream() -> Response:
        return _events(house, "desk")

    @routes.post("/duty")
    async def duty(me: Me, on: Annotated[str, Form()] = "") -> Response:
        now = house.now()
        begin = on == "1"
        await console.act(lambda c: crew.come_back(c, me.id, now) if begin else desk.set_duty(c, me.id, False, now))
        return RedirectResponse("/team", 303)

    @routes.get("/case/{case_id}")
    async def case_page(me: Me, case_id: CaseId, notice: str = "", ready: int = 0) -> Response:
        return await console.case(me, case_id, notice=NOTICES.get(notice, ""), ready=ready)

    @routes.get("/case/{case_id}/lines")
    async def lines(me: Me, case_id: CaseId) -> Response:
        return await console.lines(me, case_id)

    @routes.get("/case/{case_id}/stream")
    async def case_stream(me: Me, case_id: CaseId) -> Response:
        shown = await house.store.read(lambda c: views.opened(c, house.shelf.library, case_id, me))
        return _events(house, "desk", shown.conversation) if shown else plain("", 404)

    @routes.post("/case/{case_id}/take")
    async def take(me: Me, case_id: CaseId) -> Response:
        now = house.now()

        def claim(connection: sa.Connection) -> bool:
            may = views.reach(connection, cases.find(connection, case_id), me) != "none"
            return may and desk.take(connection, case_id, me.id, now)

        taken = await console.act(claim)
        return RedirectResponse(f"/team/case/{case_id}?notice=taken" if taken else "/team?notice=lost", 303)

    @routes.post("/case/{case_id}/decline")
    async def decline(me: Me, case_id: CaseId) -> Response:
        now = house.now()
        await console.act(lambda c: desk.decline(c, case_id, me.id, now))
        return RedirectResponse("/team?notice=declined", 303)

    @routes.post("/case/{case_id}/say")
    async def say(
        request: Request,
        me: Me,
        case_id: CaseId,
        text: Annotated[str, Form()] = "",
        say_id: Annotated[str, Form(alias="id")] = "",
    ) -> Response:
        trouble, status = "", 422
        masked = redact(text.strip().replace("\r\n", "\n"))
        if not masked.text:
            trouble = "Ô còn trống. Viết vài chữ rồi bấm Gửi."
        elif len(masked.text) > MOST_LETTERS:
            trouble = f"Lời dài quá {MOST_LETTERS} chữ. Chia làm hai lần gửi giúp bác dễ đọc."
        elif not await console.say(me, case_id, masked.text, (), say_id):
            trouble, status = _NOT_MINE, 409
        by_script = "x-gocua-script" in request.headers
        notice = "masked" if masked.found else ""
        if trouble:
            return plain(trouble, status) if by_script else await console.case(
                me, case_id, status=status, trouble=trouble, text=text
            )  # fmt: skip
        if by_script:
            return await console.lines(me, case_id, NOTICES.get(notice, ""))
        return RedirectResponse(f"/team/case/{case_id}" + (f"?notice={notice}" if notice else "") + "#reply", 303)

    @routes.post("/case/{case_id}/photo")
    async def photo(request: Request, me: Me, case_id: CaseId) -> Response:
        trouble, status = "", 422
        length = request.headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()) or int(length) > media.MOST_BYTES + 65_536:
            trouble, status = "Hình này lớn quá, chưa gửi được. Chụp lại nhỏ hơn giúp nhé.", 413
        else:
            try:
                sent = await console.say_photo(me, case_id, request)
            except media.MediaRefused:
                trouble = "Không mở được hình này. Chụp lại hoặc chọn hình khác."
            else:
                trouble, status = ("", 200) if sent else (_NOT_MINE, 409)
        if trouble:
            return await console.case(me, case_id, status=status, trouble=trouble)
        return RedirectResponse(f"/team/case/{case_id}#reply", 303)

    @routes.post("/case/{case_id}/close")
    async def close(
        me: Me,
        case_id: CaseId,
        outcome: Annotated[str, Form()] = "",
        visit_on: Annotated[str, Form()] = "",
        place: Annotated[str, Form()] = "",
    ) -> Response:
        chosen = _outcome(outcome)
        visit = visit_on if chosen == "visit" else ""
        now = house.now()
        if chosen is None:
            return await console.case(me, case_id, status=422, trouble="Chọn một cách kết thúc rồi bấm lại.")
        if chosen == "visit" and not is_day_to_come(visit, now.astimezone(VIETNAM).date()):
            return await console.case(me, case_id, status=422, trouble="Chọn ngày đến nhà, từ hôm nay trở đi.")

        def end(connection: sa.Connection) -> bool:
            case = cases.find(connection, case_id)
            if case is None or not desk.close(connection, case_id, me.id, chosen, visit, now):
                return False
            if visit:
                where = redact(place.strip()[:MOST_PLACE_LETTERS]).text
                casework.ask_visit(connection, case, visit, where, me.id, now)
            return True

        if not await console.act(end):
            return await console.case(me, case_id, status=409, trouble="Việc này đã khép lại trước đó.")
        return RedirectResponse("/team?notice=closed", 303)

    @routes.get("/media/{media_id}")
    async def picture(me: Me, media_id: str) -> Response:
        row = await house.store.read(lambda c: views.may_see_media(c, media_id, me))
        if row is None:
            return pages.answer("gone.html", 404, text="", holder="")
        return _file(row)

    @routes.get("/case/{case_id}/file/{line_id}/{place}")
    async def fetched(me: Me, case_id: CaseId, line_id: str, place: int) -> Response:
        """What a resident sent and still lies with the provider: fetched when a member first looks at it."""
        library = house.shelf.library
        found = await house.store.read(lambda c: views.attached(c, library, case_id, me, line_id, place))
        media_id = await house.files.fetch(found[1].attachment, found[0]) if found and house.files else None
        row = await house.store.read(lambda c: media.find(c, media_id)) if media_id else None
        return _file(row) if row else pages.answer("gone.html", 404, text="", holder="")

    routes.get("/static/{name}")(static)
    return routes


def _file(row: Row) -> Response:
    """A picture or voice for the page, anything else to be downloaded: what is from outside never runs as our page."""
    content_type, inline = media.in_page(row["content_type"])
    return FileResponse(
        row["path"],
        media_type=content_type,
        filename=row["name"] or row["id"],
        content_disposition_type="inline" if inline else "attachment",
        headers={**SAFE, "Cache-Control": "private, max-age=3600", "Content-Security-Policy": "sandbox"},
    )


def _events(house: House, *topics: str) -> Response:
    headers = {**SAFE, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(pulses(house.news, topics), media_type="text/event-stream", headers=headers)


async def pulses(news: News, topics: tuple[str, ...], beat_s: float = BEAT_SECONDS) -> AsyncIterator[str]:
    """ "Something changed", never what: the page asks again, and what it may see is decided anew. A beat in between."""
    with ExitStack() as stack:
        heard = [stack.enter_context(news.listen(topic)) for topic in topics]
        yield "retry: 3000\n\n"
        while True:
            waits = [asyncio.ensure_future(one.wait(beat_s)) for one in heard]
            try:
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            yield "event: changed\ndata:\n\n" if any(wait.result() for wait in done) else ": beat\n\n"


def _outcome(text: str) -> Outcome | None:
    """An outcome that a member can choose."""
    return next((one for one in get_args(Outcome) if one == text and one not in ("resident_left", "handed_back")), None)
