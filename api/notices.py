"""Notices: words of a lead to many residents, agreed to by a lead above them, sent slowly, stopped at once.

Who gets one is settled when it is agreed to, and asked again for each chat before it goes: wish, window, reach. Each is
an event of the inbox like any other; what a resident reads is decided by the engine. Knows no pages.
"""

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from api import cases, inbox, outbox
from api.auth import Member
from api.house import House
from api.outbox import Pen, Status
from api.prepared import Prepared, Row
from api.tables import ConversationRow, Inbox, Joined, Log, Notice, NoticeTo, Outbox, Reader
from api.tables import Member as MemberTable
from bot.capabilities import CHANNELS
from bot.channel import open_until
from bot.handoff import Hours
from bot.library import Library
from bot.model import Conversation, NoticeDue, NoticeMet
from bot.said import VIETNAM
from knowledge.hamlets import hamlet_key

log = structlog.get_logger()

MOST_LETTERS, MOST_TITLE_LETTERS = 500, 80
#: messages a second on one channel, all notices and all processes together: residents who write come first
PACE = {"telegram": 5, "zalo_oa": 5, "zalo_bot": 2, "messenger": 5, "web": 20}
#: a resident in the middle of something is left alone for so long; the next day a step waits for nobody
TRY_AGAIN = timedelta(minutes=30)
LOOK_AGAIN_S, LOOK_SOON_S = 1.0, 0.25
#: why a resident of the place gets nothing, in the order in which it is asked
Reason = Literal["not_asked", "said_no", "other_topic", "other_channel", "off", "blocked", "window", "other_chat"]
State = Literal["draft", "asked", "returned", "approved", "stopped", "done"]

_notice = Notice.__table__
_to = NoticeTo.__table__
_reader = Reader.__table__
_conversation = ConversationRow.__table__
_joined = Joined.__table__
_outbox = Outbox.__table__
_log = Log.__table__
_member = MemberTable.__table__
_inbox = Inbox.__table__
_BY_NAME = {one.name: one for one in CHANNELS}
#: one resident, however many chats of theirs are joined
_RESIDENT = sa.func.coalesce(_joined.c.resident, _to.c.conversation).label("resident")
_HAD = ("given", "said")
# word for word the indexes' own
_WAITING = _to.c.fate == sa.text("'waiting'")
_OPEN = sa.text("fate IN ('waiting', 'given')")


def _put_reader(insert: Any) -> Any:
    """When they said so is the proof that they did: moving house does not change it."""
    new = insert.excluded
    since = sa.case((_reader.c.wish == new.wish, _reader.c.wished_at), else_=new.wished_at)
    told = {name: new[name] for name in ("province", "commune", "hamlet", "hamlet_key", "wish")}
    return insert.on_conflict_do_update(index_elements=["conversation"], set_={**told, "wished_at": since})


_PUT_READER = {
    name: Prepared(_put_reader(insert))
    for name, insert in (("sqlite", sqlite.insert(_reader)), ("postgresql", postgresql.insert(_reader)))
}
_FORGET_READER = Prepared(_reader.delete().where(_reader.c.conversation == sa.bindparam("key")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A notice as its writer filled it in. An empty commune or hamlet is all of what lies around it."""

    title: str
    text: str
    province: str
    commune: str
    hamlet: str
    topic: str
    channels: tuple[str, ...]
    send_from: datetime
    send_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who would get a notice: (channel, conversation). Of these `paid` cost money. `left_out`: why others do not."""

    chats: tuple[tuple[str, str], ...]
    paid: int
    left_out: dict[Reason, int]

    @property
    def by_channel(self) -> Counter[str]:
        return Counter(channel for channel, _ in self.chats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many notices a resident may get in a day, and when the next day begins for them."""

    a_day: int
    next_day: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a notice is. `missed` are those that had to be left out after all, by why."""

    waiting: int
    sent: int
    on_the_way: int
    missed: dict[str, int] = field(default_factory=dict)


# --- who wants to be told --------------------------------------------------------------------------------------------


def know(connection: sa.Connection, library: Library, key: str, state: Conversation, now: datetime) -> None:
    """What this chat's resident has said of their place and their wish; nothing is kept of who said neither."""
    if state.place is None and not state.notices:
        forget(connection, key)
        return
    commune, hamlet = (state.place.commune, state.place.hamlet) if state.place else ("", "")
    row = {
        "conversation": key, "province": cases.province_of(library, commune), "commune": commune, "hamlet": hamlet,
        "hamlet_key": hamlet_key(hamlet), "wish": state.notices, "wished_at": now if state.notices else None,
    }  # fmt: skip
    _PUT_READER[connection.dialect.name].run(connection, row)


def forget(connection: sa.Connection, key: str) -> None:
    _FORGET_READER.run(connection, {"key": key})


def erase(connection: sa.Connection, key: str) -> None:
    """This resident is erased: what is kept of whom a notice went to goes too."""
    forget(connection, key)
    connection.execute(_to.delete().where(_to.c.conversation == key))


def audience(connection: sa.Connection, library: Library, on: Collection[str], draft: Draft, now: datetime) -> Audience:
    """`on` are the channels that run. Of one resident's joined chats the one heard of last gets it."""
    left_out: Counter[Reason] = Counter()
    chats: list[tuple[str, str]] = []
    paid, served = 0, set[str]()
    at = max(now, draft.send_from)
    for row in connection.execute(_of_place(library, draft)):
        why = _why_not(row, on, draft, at)
        if not why and row.resident and row.resident in served:
            why = "other_chat"
        if why:
            left_out[why] += 1
            continue
        served.add(row.resident or "")
        chats.append((row.channel, row.conversation))
        free = _BY_NAME[row.channel].free_hours
        paid += bool(free and row.heard_at and row.heard_at + timedelta(hours=free) < at)
    return Audience(chats=tuple(chats), paid=paid, left_out=dict(left_out))


def held(connection: sa.Connection, found: Audience, draft: Draft, now: datetime, a_day: int) -> int:
    """How many of them will have had their share by other notices on the day it begins: theirs comes a day later."""
    begins, ends = _day_of(max(now, draft.send_from))
    had = sa.and_(_to.c.fate.in_(_HAD), _to.c.given_at >= begins, _to.c.given_at < ends)
    waits = sa.and_(_WAITING, _to.c.next_at < ends)
    if begins > now:  # what is due earlier goes out earlier, and takes nothing of that day
        waits = sa.and_(waits, _to.c.next_at >= begins)
    full = (
        sa.select(_RESIDENT)
        .join(_joined, _joined.c.conversation == _to.c.conversation, isouter=True)
        .where(_to.c.channel.in_(PACE), sa.or_(had, waits))
        .group_by(_RESIDENT)
        .having(sa.func.count() >= a_day)
    )
    joined = connection.execute(sa.select(_joined.c.conversation, _joined.c.resident))
    residents = {row.conversation: row.resident for row in joined}
    served = set(connection.scalars(full))
    return sum(residents.get(chat, chat) in served for _, chat in found.chats)


def _of_place(library: Library, draft: Draft) -> sa.Select[Any]:
    about: sa.ColumnElement[bool] = sa.literal(True)
    if draft.topic:
        flows = [flow.id for flow in library.of_topic(draft.topic)]
        asked = sa.select(_log.c.conversation).where(
            sa.or_(
                sa.and_(_log.c.kind == "asked", _log.c.detail == draft.topic),
                sa.and_(_log.c.kind == "flow_started", _log.c.flow.in_(flows)),
            )
        )
        about = _reader.c.conversation.in_(asked)
    query = (
        sa.select(_reader.c.conversation, _reader.c.wish, _conversation.c.channel, _conversation.c.reachable,
                  _conversation.c.heard_at, _joined.c.resident, sa.case((about, True), else_=False).label("about"))
        .join(_conversation, _conversation.c.key == _reader.c.conversation)
        .join(_joined, _joined.c.conversation == _reader.c.conversation, isouter=True)
        .where(_reader.c.province == draft.province)
        .order_by(_conversation.c.heard_at.desc().nulls_last(), _reader.c.conversation)
    )  # fmt: skip
    if draft.commune:
        query = query.where(_reader.c.commune == draft.commune)
    if draft.hamlet:
        query = query.where(_reader.c.hamlet_key == hamlet_key(draft.hamlet))
    return query


def _why_not(row: Any, on: Collection[str], draft: Draft, at: datetime) -> Reason | None:
    if row.wish == "no":
        return "said_no"
    if row.wish != "yes":
        return "not_asked"
    if not row.about:
        return "other_topic"
    if row.channel not in draft.channels:
        return "other_channel"
    if row.channel not in on or row.channel not in _BY_NAME:
        return "off"
    if not row.reachable:
        return "blocked"
    return None if _is_open(row, at) else "window"


def _is_open(row: Any, at: datetime) -> bool:
    closes = open_until(_BY_NAME[row.channel], row.heard_at, human=False)
    return closes is None or closes > at


# --- written, asked for, agreed to -----------------------------------------------------------------------------------


def state_of(row: Any) -> State:
    if row["stopped_at"]:
        return "stopped"
    if row["done_at"]:
        return "done"
    if row["approved_at"]:
        return "approved"
    if row["asked_at"]:
        return "asked"
    return "returned" if row["returned_at"] else "draft"


def draft_of(row: Any) -> Draft:
    return Draft(
        title=row["title"], text=row["text"], province=row["province"], commune=row["commune"], hamlet=row["hamlet"],
        topic=row["topic"], channels=tuple(row["channels"].split()), send_from=row["send_from"],
        send_until=row["send_until"],
    )  # fmt: skip


def find(connection: sa.Connection, notice_id: int, *, lock: bool = False) -> Row | None:
    query = sa.select(_notice).where(_notice.c.id == notice_id)
    return connection.execute(query.with_for_update() if lock else query).mappings().first()


def is_shown_to(row: Any, me: Member) -> bool:
    return me.is_lead and (row["written_by"] == me.id or me.covers(row["province"], row["commune"], row["hamlet"]))


def may_judge(connection: sa.Connection, row: Any, me: Member) -> bool:
    """A lead above its writer, in whose place it lies; at the province, where nobody is above, another lead."""
    if me.id == row["written_by"] or not me.is_lead or not me.covers(row["province"], row["commune"], row["hamlet"]):
        return False
    writer = sa.select(_member.c.commune, _member.c.hamlet_key).where(_member.c.id == row["written_by"])
    commune, hamlet = connection.execute(writer).one()
    return not me.commune or _width(me.commune, me.hamlet_key) > _width(commune, hamlet)


def _width(commune: str, hamlet: str) -> int:
    return 2 if not commune else 0 if hamlet else 1


def write(connection: sa.Connection, me: Member, draft: Draft, now: datetime, notice_id: int = 0) -> int:
    """A new notice, or other words for one that nobody has agreed to; 0 when it can no longer be changed."""
    values = {
        "title": draft.title, "text": draft.text, "province": draft.province, "commune": draft.commune,
        "hamlet": draft.hamlet, "topic": draft.topic, "channels": " ".join(draft.channels),
        "send_from": draft.send_from, "send_until": draft.send_until, "written_at": now,
    }  # fmt: skip
    if not notice_id:
        made = _notice.insert().values(**values, written_by=me.id, reason="").returning(_notice.c.id)
        found = int(connection.execute(made).scalar_one())
    else:
        row = find(connection, notice_id, lock=True)
        if row is None or row["written_by"] != me.id or state_of(row) not in ("draft", "returned"):
            return 0
        connection.execute(_notice.update().where(_notice.c.id == notice_id).values(**values))
        found = notice_id
    _note(connection, now, "notice_written", me.id, found)
    return found


def ask(connection: sa.Connection, me: Member, notice_id: int, now: datetime) -> bool:
    """Hand it in to whoever may agree to it."""
    row = find(connection, notice_id, lock=True)
    if row is None or row["written_by"] != me.id or state_of(row) not in ("draft", "returned"):
        return False
    if row["send_until"] <= now:
        return False
    _set(connection, notice_id, asked_at=now, returned_at=None)
    _note(connection, now, "notice_asked", me.id, notice_id)
    return True


def give_back(connection: sa.Connection, me: Member, notice_id: int, reason: str, now: datetime) -> bool:
    row = find(connection, notice_id, lock=True)
    if row is None or state_of(row) != "asked" or not may_judge(connection, row, me):
        return False
    _set(connection, notice_id, asked_at=None, returned_at=now, reason=reason, judged_by=me.id)
    _note(connection, now, "notice_returned", me.id, notice_id)
    return True


def approve(
    connection: sa.Connection, library: Library, on: Collection[str], me: Member, notice_id: int, now: datetime
) -> bool:
    """Agree to it. From now on it is settled for whom it is; those who say yes to notices later do not get this one."""
    row = find(connection, notice_id, lock=True)
    if row is None or state_of(row) != "asked" or not may_judge(connection, row, me) or row["send_until"] <= now:
        return False
    found = audience(connection, library, on, draft_of(row), now)
    rows = [
        {"notice_id": notice_id, "conversation": key, "channel": channel, "fate": "waiting",
         "next_at": row["send_from"], "given_at": None, "tries": 0, "inbox_id": None}
        for channel, key in found.chats
    ]  # fmt: skip
    if rows:
        connection.execute(_to.insert(), rows)
    _set(connection, notice_id, approved_at=now, judged_by=me.id, done_at=None if rows else now)
    _note(connection, now, "notice_approved", me.id, notice_id, f" {len(rows)}")
    return True


def stop(connection: sa.Connection, me: Member, notice_id: int, now: datetime) -> bool:
    """Whatever has not left stays here: what waits, what is due in an inbox, what lies in the outbox."""
    row = find(connection, notice_id, lock=True)
    if row is None or state_of(row) != "approved" or not is_shown_to(row, me):
        return False
    _set(connection, notice_id, stopped_at=now, stopped_by=me.id)
    of_this = _to.c.notice_id == notice_id
    connection.execute(_to.update().where(of_this, _WAITING).values(fate="stopped"))
    said = sa.select(_to.c.inbox_id).where(of_this, _to.c.inbox_id.is_not(None))
    connection.execute(
        _outbox.update().where(outbox.QUEUED, _outbox.c.inbox_id.in_(said)).values(status=int(Status.VOID))
    )
    _note(connection, now, "notice_stopped", me.id, notice_id)
    return True


def _set(connection: sa.Connection, notice_id: int, **values: Any) -> None:
    connection.execute(_notice.update().where(_notice.c.id == notice_id).values(**values))


def _note(
    connection: sa.Connection, now: datetime, kind: str, member_id: int | None, notice_id: int, more: str = ""
) -> None:
    cases.write_log(connection, now, kind, member_id=member_id, detail=f"{notice_id}{more}")


# --- sent ------------------------------------------------------------------------------------------------------------


async def run(house: House) -> None:
    """Until cancelled: give out what is due, as fast as the pace allows."""
    hours = Hours(start=house.settings.day_starts_hour, end=house.settings.day_ends_hour)
    while True:
        given = 0
        try:
            if await house.store.read(lambda c: is_any_due(c, house.now())):
                on = {*house.channels, "web"}
                a_day = house.settings.notices_a_day
                given = await house.store.write(lambda c, on=on, a_day=a_day: give(c, hours, on, house.now(), a_day))  # type: ignore[misc]
        except Exception:
            log.exception("notices_failed")
        if given:
            house.news.tell(["turns"])
        await asyncio.sleep(LOOK_SOON_S if given else LOOK_AGAIN_S)


def _live(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (_notice.c.approved_at.is_not(None), _notice.c.stopped_at.is_(None), _notice.c.done_at.is_(None),
            _notice.c.send_from <= now)  # fmt: skip


def is_any_due(connection: sa.Connection, now: datetime) -> bool:
    return connection.execute(sa.select(_notice.c.id).where(*_live(now)).limit(1)).first() is not None


def give(connection: sa.Connection, hours: Hours, on: Collection[str], now: datetime, a_day: int = 1) -> int:
    """Put the next few into their inboxes. Returns how many it looked at. Never at night, never two processes at once.

    Who had `a_day` of them today, in whichever of their chats, is left until tomorrow.
    """
    if not _is_our_turn(connection):
        return 0
    locked = sa.select(_notice).where(*_live(now)).order_by(_notice.c.id)
    locked = locked.with_for_update(skip_locked=True, key_share=True)
    live = {row["id"]: row for row in connection.execute(locked).mappings()}
    for notice_id, row in list(live.items()):
        if row["send_until"] <= now:
            late = _to.update().where(_to.c.notice_id == notice_id, _OPEN)
            connection.execute(late.values(fate="late"))
            _end(connection, live.pop(notice_id), now)
    given = 0
    if hours.open_at(now):
        share = Share(a_day=a_day, next_day=hours.next_start(now))
        for channel in PACE:
            given += _give_on(connection, live, channel, channel in on, now, share)
    for row in live.values():
        open_rows = sa.select(_to.c.notice_id).where(_to.c.notice_id == row["id"], _OPEN)
        if connection.execute(open_rows.limit(1)).first() is None:
            _end(connection, row, now)
    return given


def _is_our_turn(connection: sa.Connection) -> bool:
    """Until the transaction ends no other process gives: two notices could else reach one resident at once."""
    if connection.dialect.name != "postgresql":
        return True
    key = sa.func.hashtextextended("notices", 0)
    return bool(connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(key))).scalar())


def _end(connection: sa.Connection, row: Any, now: datetime) -> None:
    _set(connection, row["id"], done_at=now)
    _note(connection, now, "notice_done", None, row["id"])


def _give_on(
    connection: sa.Connection, live: dict[int, Any], channel: str, is_on: bool, now: datetime, share: Share
) -> int:
    a_second = sa.select(sa.func.count()).where(_to.c.channel == channel, _to.c.given_at > now - timedelta(seconds=1))
    room = PACE[channel] - connection.execute(a_second).scalar_one()
    if room <= 0 or not live:
        return 0
    due = (
        sa.select(_to, _conversation.c.reachable, _conversation.c.heard_at, _reader.c.wish, _RESIDENT)
        .join(_conversation, _conversation.c.key == _to.c.conversation)
        .join(_reader, _reader.c.conversation == _to.c.conversation, isouter=True)
        .join(_joined, _joined.c.conversation == _to.c.conversation, isouter=True)
        .where(_WAITING, _to.c.channel == channel, _to.c.next_at <= now, _to.c.notice_id.in_(live))
        .order_by(_to.c.next_at)
        .limit(room)
    )
    rows = connection.execute(due).all()
    had = _had(connection, {row.resident for row in rows}, now) if rows else Counter[str]()
    for row in rows:
        why = _changed(row, is_on, now)
        if why:
            _fate(connection, row.notice_id, row.conversation, fate=why)
        elif had[row.resident] >= share.a_day:
            _hold(connection, row, live[row.notice_id], now, share.next_day)
        else:
            had[row.resident] += 1
            _put(connection, row, live[row.notice_id], now)
    return len(rows)


def _put(connection: sa.Connection, row: Any, notice: Any, now: datetime) -> None:
    today = now.astimezone(VIETNAM).date()
    patient = row.given_at is None or row.given_at.astimezone(VIETNAM).date() == today
    event = NoticeDue(notice=row.notice_id, text=notice["text"], patient=patient)
    mark = f"notice:{row.notice_id}:{row.tries + 1}"
    inbox.put(connection, [inbox.from_inside(row.conversation, event, mark)], now)
    _fate(connection, row.notice_id, row.conversation, fate="given", given_at=now, tries=row.tries + 1)


def _hold(connection: sa.Connection, row: Any, notice: Any, now: datetime, next_day: datetime) -> None:
    """They had their share of today: this one comes tomorrow, or never if it is too late by then."""
    if next_day < notice["send_until"]:
        _fate(connection, row.notice_id, row.conversation, next_at=next_day)
    else:
        _fate(connection, row.notice_id, row.conversation, fate="share")
    cases.write_log(connection, now, "notice_held", conversation=row.conversation, detail=str(row.notice_id))


def _had(connection: sa.Connection, residents: set[str], now: datetime) -> Counter[str]:
    """How many notices each of them has had, or has on the way, since midnight."""
    joined = sa.select(_joined.c.conversation, _joined.c.resident).where(_joined.c.resident.in_(residents))
    chats = {one: one for one in residents} | {row.conversation: row.resident for row in connection.execute(joined)}
    begins, _ = _day_of(now)
    query = (
        sa.select(_to.c.conversation, sa.func.count().label("many"))
        .where(_to.c.conversation.in_(chats), _to.c.given_at >= begins, _to.c.fate.in_(_HAD))
        .group_by(_to.c.conversation)
    )
    found: Counter[str] = Counter()
    for chat, many in connection.execute(query):
        found[chats[chat]] += many
    return found


def _day_of(at: datetime) -> tuple[datetime, datetime]:
    """Midnight before and after, in Vietnam."""
    begins = at.astimezone(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    return begins.astimezone(UTC), (begins + timedelta(days=1)).astimezone(UTC)


def _changed(row: Any, is_on: bool, now: datetime) -> str:
    """Why a chat cannot be written to now, although it could when the notice was agreed to."""
    if row.wish != "yes":
        return "refused"
    if not is_on:
        return "off"
    if not row.reachable:
        return "blocked"
    return "" if _is_open(row, now) else "window"


def _fate(connection: sa.Connection, notice_id: int, conversation: str, **values: Any) -> None:
    which = (_to.c.notice_id == notice_id, _to.c.conversation == conversation)
    connection.execute(_to.update().where(*which).values(**values))


def may_be_said(connection: sa.Connection, pen: Pen, notice_id: int) -> bool:
    """Asked in the very turn that would say it: it may have been stopped, or come too late.

    Who stops it waits for this turn, and then finds its message in the outbox.
    """
    query = sa.select(_notice.c.stopped_at, _notice.c.send_until).where(_notice.c.id == notice_id)
    row = connection.execute(query.with_for_update(read=True, key_share=True)).mappings().first()
    if row is not None and row["stopped_at"] is None and row["send_until"] > pen.now:
        return True
    late = "late" if row is not None and row["stopped_at"] is None else "stopped"
    _fate(connection, notice_id, pen.conversation, fate=late)
    return False


def met(connection: sa.Connection, pen: Pen, effect: NoticeMet) -> None:
    """What the engine made of it."""
    match effect.how:
        case "said":
            _fate(connection, effect.notice, pen.conversation, fate="said", inbox_id=pen.inbox_id)
        case "busy":
            _fate(connection, effect.notice, pen.conversation, fate="waiting", next_at=pen.now + TRY_AGAIN)
        case "refused":
            _fate(connection, effect.notice, pen.conversation, fate="refused")
    detail = str(effect.notice)
    cases.write_log(connection, pen.now, f"notice_{effect.how}", conversation=pen.conversation, detail=detail)


def progress(connection: sa.Connection, notice_id: int) -> Progress:
    """Counts what the providers took, where they say so."""
    query = (
        sa.select(_to.c.fate, _outbox.c.status, sa.func.count().label("many"))
        .join(_outbox, sa.and_(_outbox.c.inbox_id == _to.c.inbox_id, _outbox.c.place == 0), isouter=True)
        .where(_to.c.notice_id == notice_id)
        .group_by(_to.c.fate, _outbox.c.status)
    )
    waiting = sent = on_the_way = 0
    missed: Counter[str] = Counter()
    for fate, status, many in connection.execute(query):
        if fate == "waiting":
            waiting += many
        elif fate == "given" or (fate == "said" and status in (Status.QUEUED, Status.SENDING)):
            on_the_way += many
        elif fate == "said" and status in (None, Status.SENT):
            sent += many
        elif fate == "said":
            missed["stopped" if status == Status.VOID else "failed"] += many
        else:
            missed[fate] += many
    return Progress(waiting=waiting, sent=sent, on_the_way=on_the_way, missed=dict(missed))


def wishes(connection: sa.Connection, me: Member) -> dict[str, int]:
    """How many in their place want notices ("yes"), want none ("no"), or have not said ("")."""
    of_place = [_reader.c.province == me.province]
    if me.commune:
        of_place.append(_reader.c.commune == me.commune)
    if me.hamlet_key:
        of_place.append(_reader.c.hamlet_key == me.hamlet_key)
    query = sa.select(_reader.c.wish, sa.func.count().label("many")).where(*of_place).group_by(_reader.c.wish)
    found: Counter[str] = Counter()
    for wish, many in connection.execute(query):
        found["" if wish == "asked" else wish] += many
    return {wish: found[wish] for wish in ("yes", "no", "")}


def listed(connection: sa.Connection, me: Member, most: int) -> tuple[Row, ...]:
    """The newest first: their own, and those of their place."""
    query = sa.select(_notice).where(sa.or_(_notice.c.province == me.province, _notice.c.written_by == me.id))
    rows = connection.execute(query.order_by(_notice.c.id.desc()).limit(5 * most)).mappings()
    return tuple(row for row in rows if is_shown_to(row, me))[:most]
