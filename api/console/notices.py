"""Notices on the console: a lead writes and hands in, a lead above agrees or gives back, both see how far it is.

What may be done with a notice is api.notices' to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Form, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response

from api import cases, notices, words
from api.auth import Member
from api.console.console import Console
from api.console.lead import Lead
from api.console.pages import NOTICES, day_of
from api.crew import minute_of
from api.notices import Draft
from api.prepared import Row
from bot.capabilities import CHANNELS, Capabilities
from bot.channel import split
from bot.library import Library
from bot.said import VIETNAM
from knowledge.secrets import redact
from knowledge.text import fold

MOST_SHOWN = 50
MOST_REASON_LETTERS, MOST_HAMLET_LETTERS = 300, 80
MOST_DAYS = timedelta(days=60)
#: unless its writer says else
FOR_DAYS = timedelta(days=3)
#: as the notice's own page says them
WHY = {
    "not_asked": "chưa được hỏi, hoặc chưa trả lời có nhận tin không",
    "said_no": "không muốn nhận tin",
    "other_topic": "chưa từng hỏi chủ đề này",
    "other_channel": "nhắn qua kênh không chọn ở đây",
    "off": "kênh đang tắt",
    "blocked": "đã chặn, không nhắn được",
    "window": "im lâu quá, kênh không cho nhắn trước",
    "other_chat": "đã nhận ở kênh khác của họ",
    "refused": "đổi ý, không nhận tin nữa",
    "late": "bận việc khác cho tới hết hạn",
    "share": "đã đủ số tin một ngày, tới hôm sau thì tin này hết hạn",
    "stopped": "đã dừng gửi",
    "failed": "kênh không nhận tin",
}
STATES = {
    "draft": "Bản nháp", "asked": "Chờ duyệt", "returned": "Được trả lại", "approved": "Đã duyệt", "stopped": "Đã dừng",
    "done": "Đã gửi xong",
}  # fmt: skip

TITLES = {one.name: one.title for one in CHANNELS}

NoticeId = Annotated[int, Path(ge=1, lt=2**53)]
Field = Annotated[str, Form()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A notice as residents see it, and on which channels it is just so. `prices` are (channel, what it costs)."""

    titles: tuple[str, ...]
    parts: tuple[str, ...]
    prices: tuple[tuple[str, str], ...]


def router(console: Console) -> APIRouter:  # one short function a route
    routes = APIRouter()
    house, pages = console.house, console.pages

    def on() -> set[str]:
        return {*house.channels, "web"}

    @routes.get("/notices")
    async def all_notices(me: Lead, notice: str = "") -> Response:
        def look(connection: sa.Connection) -> list[tuple[Row, str, bool]]:
            rows = notices.listed(connection, me, MOST_SHOWN)
            return [(row, notices.state_of(row), notices.may_judge(connection, row, me)) for row in rows]

        shown = await house.store.read(look)
        wishes = await house.store.read(lambda c: notices.wishes(c, me))
        return pages.answer(
            "notices.html",
            shown=shown,
            wishes=wishes,
            states=STATES,
            me=me,
            now=house.now(),
            notice=NOTICES.get(notice, ""),
        )

    @routes.get("/notices/new")
    async def new(me: Lead) -> Response:
        return await _form(console, me, None, "")

    @routes.post("/notices")
    async def write(request: Request, me: Lead) -> Response:
        return await _save(console, request, me, 0)

    @routes.get("/notices/{notice_id}")
    async def page(me: Lead, notice_id: NoticeId, notice: str = "") -> Response:
        library, now, a_day = house.shelf.library, house.now(), house.settings.notices_a_day

        def look(connection: sa.Connection) -> dict[str, Any] | None:
            row = notices.find(connection, notice_id)
            if row is None or not notices.is_shown_to(row, me):
                return None
            state = notices.state_of(row)
            cases.write_log(connection, now, "notice_read", member_id=me.id, detail=str(notice_id))
            before = state in ("draft", "asked", "returned")
            draft = notices.draft_of(row)
            found = notices.audience(connection, library, on(), draft, now) if before else None
            return {
                "row": row,
                "state": state,
                "may_judge": state == "asked" and notices.may_judge(connection, row, me),
                "writer": cases.member_of(connection, row["written_by"])["name"],
                "judge": cases.member_of(connection, row["judged_by"])["name"] if row["judged_by"] else "",
                "audience": found,
                "held": notices.held(connection, found, draft, now, a_day) if found else 0,
                "progress": None if before else notices.progress(connection, notice_id),
            }

        shown = await house.store.write(look)
        if shown is None:
            raise HTTPException(404)
        row = shown["row"]
        looks = _looks(library, row["text"], row["channels"].split())
        return pages.answer(
            "notice.html", **shown, looks=looks, why=WHY, states=STATES, me=me, now=now, place=_place(library, row),
            topics=words.topics(library), titles=TITLES, is_late=row["send_until"] <= now,
            a_day=a_day, most_reason=MOST_REASON_LETTERS, begins=_when(row["send_from"]), ends=_when(row["send_until"]),
            notice=NOTICES.get(notice, ""),
        )  # fmt: skip

    @routes.get("/notices/{notice_id}/edit")
    async def edit(me: Lead, notice_id: NoticeId) -> Response:
        row = await house.store.read(lambda c: notices.find(c, notice_id))
        if row is None or row["written_by"] != me.id or notices.state_of(row) not in ("draft", "returned"):
            raise HTTPException(404)
        return await _form(console, me, dict(row), "")

    @routes.post("/notices/{notice_id}")
    async def change(request: Request, me: Lead, notice_id: NoticeId) -> Response:
        return await _save(console, request, me, notice_id)

    @routes.post("/notices/{notice_id}/do")
    async def act(me: Lead, notice_id: NoticeId, how: Field = "", reason: Field = "") -> Response:
        now, library = house.now(), house.shelf.library
        why = redact(reason.strip()[:MOST_REASON_LETTERS]).text
        if how == "return" and not why:
            return _back(notice_id, "no_reason")

        def do(connection: sa.Connection) -> bool:
            match how:
                case "ask":
                    return notices.ask(connection, me, notice_id, now)
                case "approve":
                    return notices.approve(connection, library, on(), me, notice_id, now)
                case "return":
                    return notices.give_back(connection, me, notice_id, why, now)
                case "stop":
                    return notices.stop(connection, me, notice_id, now)
            return False

        done = await console.act(do)
        return _back(notice_id, f"notice_{how}" if done else "notice_not")

    return routes


def _back(notice_id: int, said: str) -> Response:
    return RedirectResponse(f"/team/notices/{notice_id}?notice={said}", 303)


async def _save(console: Console, request: Request, me: Member, notice_id: int) -> Response:
    now = console.house.now()
    async with request.form(max_files=0, max_fields=30) as form:
        given = {name: str(value) for name, value in form.items()}
        channels = [str(one) for one in form.getlist("channel")]
    own = await console.house.store.read(lambda c: cases.member_of(c, me.id)["hamlet"])
    draft = _draft(console.house.shelf.library, me, own, given, channels, now)
    if isinstance(draft, str):
        return await _form(console, me, {**given, "channels": " ".join(channels), "id": notice_id}, draft)
    found = await console.do(lambda c: notices.write(c, me, draft, now, notice_id))
    return _back(found, "notice_written") if found else _back(notice_id, "notice_not")


def _draft(
    library: Library, me: Member, own_hamlet: str, given: Mapping[str, str], channels: list[str], now: datetime
) -> Draft | str:
    """What was filled in, or the code of what is missing."""
    title, text = given.get("title", "").strip(), redact(given.get("text", "").strip()).text
    if not title or not text:
        return "empty"
    if len(text) > notices.MOST_LETTERS or len(title) > notices.MOST_TITLE_LETTERS:
        return "notice_long"
    chosen = tuple(one.name for one in CHANNELS if one.name in channels)
    if not chosen:
        return "no_channel"
    begins, ends = (_moment(given.get(f"{one}_day", ""), given.get(f"{one}_hour", "")) for one in ("from", "until"))
    if begins is None or ends is None or not max(now, begins) < ends <= now + MOST_DAYS:
        return "bad_times"
    commune = me.commune or given.get("commune", "")
    hamlet = own_hamlet if me.hamlet_key else given.get("hamlet", "").strip()[:MOST_HAMLET_LETTERS]
    if (hamlet and not commune) or not me.covers(me.province, commune, hamlet):
        return "no_commune"
    topic = given.get("topic", "")
    return Draft(
        title=title, text=text, province=me.province, commune=commune, hamlet=hamlet,
        topic=topic if topic in words.topics(library) else "", channels=chosen, send_from=begins, send_until=ends,
    )  # fmt: skip


def _moment(day: str, hour: str) -> datetime | None:
    """A day and an hour of Vietnam, as UTC."""
    on, minute = day_of(day), minute_of(hour)
    if on is None or minute is None or minute >= 24 * 60:
        return None
    return datetime.combine(on, time(minute // 60, minute % 60), VIETNAM).astimezone(UTC)


async def _form(console: Console, me: Member, row: Mapping[str, Any] | None, trouble: str) -> Response:
    """The empty form, a notice to be changed, or what was filled in, with what is wrong with it."""
    house = console.house
    places, now = house.shelf.library.gazetteer, house.now()
    hamlet = await house.store.read(lambda c: cases.member_of(c, me.id)["hamlet"])
    communes = [] if me.commune else [one for one in places.communes() if one.province_code == me.province]
    own = {"province": me.province, "commune": me.commune, "hamlet": hamlet if me.hamlet_key else ""}
    return console.pages.answer(
        "notice_form.html", 400 if trouble else 200, given=_given(row or {}, now), me=me,
        topics=words.topics(house.shelf.library), communes=sorted(communes, key=lambda one: fold(one.name)),
        channels=[(one.name, one.title) for one in CHANNELS],
        place=_place(house.shelf.library, own), most_letters=notices.MOST_LETTERS,
        most_title=notices.MOST_TITLE_LETTERS, notice=NOTICES.get(trouble, ""),
    )  # fmt: skip


def _given(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What stands in the form's fields. A new notice goes from now on, for three days, on every channel."""
    begins = row.get("send_from", now).astimezone(VIETNAM)
    evening = (begins + FOR_DAYS).replace(hour=17, minute=0)
    ends = row.get("send_until", evening).astimezone(VIETNAM)
    blank = {
        "id": 0, "title": "", "text": "", "commune": "", "hamlet": "", "topic": "",
        "channels": " ".join(TITLES), "from_day": f"{begins:%Y-%m-%d}", "from_hour": f"{begins:%H:%M}",
        "until_day": f"{ends:%Y-%m-%d}", "until_hour": f"{ends:%H:%M}",
    }  # fmt: skip
    return blank | {name: row[name] for name in blank if name in row}


def _place(library: Library, row: Mapping[str, Any]) -> str:
    """ "khu phố 3, phường Phú Lợi", "cả phường Phú Lợi", "cả thành phố Hồ Chí Minh"."""
    places = library.gazetteer
    if not row["commune"]:
        of = next((one.province for one in places.communes() if one.province_code == row["province"]), row["province"])
        return f"cả {of[:1].lower()}{of[1:]}"
    commune = places.commune(row["commune"]).name
    commune = commune[:1].lower() + commune[1:]
    return f"{row['hamlet']}, {commune}" if row["hamlet"] else f"cả {commune}"


def _when(at: datetime) -> str:
    return f"{at.astimezone(VIETNAM):%H:%M %d/%m}"


def _looks(library: Library, text: str, channels: list[str]) -> tuple[Look, ...]:
    whole = f"{text}\n\n{library.phrases.notices_stop}"
    alike: dict[tuple[str, ...], list[Capabilities]] = {}
    for one in CHANNELS:
        if one.name in channels:
            alike.setdefault(split(whole, one.text_limit), []).append(one)
    return tuple(
        Look(titles=tuple(one.title for one in ones), parts=parts, prices=tuple((one.title, one.price) for one in ones))
        for parts, ones in alike.items()
    )
