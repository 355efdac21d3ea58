"""What is kept how long: every night what has been done with for GOCUA_KEEP_DAYS goes, a slice at a time.

Of a closed case and of a conversation nobody has gone on with the row stays and the words in it go: a resident who
comes back after that begins anew, but need not say again where they live. Files that could not be had are forgotten.
Never goes: what is open, what belongs to a resident whose case is open, the newest row of a table (its number must not
be given again), the log, the directory, and that there were cases, where and how they ended. docs/operating.md has the
table of it. On several processes one does it.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
import structlog
from msgspec.structs import replace

from api import unsigned
from api.house import House
from api.outbox import Status
from api.tables import (
    Addressed,
    Case,
    ConversationRow,
    HeldWebhook,
    Inbox,
    JoinCode,
    Media,
    Miss,
    Outbox,
    SignIn,
    TeamNote,
    Visit,
    WantedFile,
)
from bot import record
from bot.model import Conversation
from bot.said import VIETNAM

log = structlog.get_logger()

#: the hour of the night, Vietnam time
AT = time(3, 0)
#: after a start: a machine that is switched off at night must keep its promises too
FIRST_AFTER_S = 600.0
#: rows looked at in one transaction, and the rest between two: residents' own writes go on in between
SLICE = 300
PAUSE_S = 0.02
#: used or expired links are of no use to anybody
LINKS_KEPT = timedelta(days=30)

_inbox = Inbox.__table__
_outbox = Outbox.__table__
_case = Case.__table__
_conversation = ConversationRow.__table__
_miss = Miss.__table__
_media = Media.__table__
_wanted = WantedFile.__table__
_addressed = Addressed.__table__
_note = TeamNote.__table__
_visit = Visit.__table__
_held = HeldWebhook.__table__
_sign_in = SignIn.__table__
_code = JoinCode.__table__


async def run(house: House) -> None:
    """Until cancelled: once after the start, then every night."""
    await asyncio.sleep(FIRST_AFTER_S)
    while True:
        try:
            async with house.store.only_one("retention"):
                gone = await sweep(house)
            log.info("retention_done", **gone)
        except Exception:
            log.exception("retention_failed")
        await asyncio.sleep(until_next_s(house.now()))


def until_next_s(now: datetime) -> float:
    """Seconds until the next night's hour; never 0."""
    here = now.astimezone(VIETNAM)
    today = datetime.combine(here.date(), AT, VIETNAM)
    return ((today if here < today else today + timedelta(days=1)) - here).total_seconds()


async def sweep(house: House) -> dict[str, int]:
    """Everything that is too old. Returns how many rows of each kind went, or lost their words."""
    now = house.now()
    gone = {"held_webhooks": await _delete(house, _held, _held.c.received_at < now - unsigned.KEPT),
            "links": await _delete(house, _sign_in, _sign_in.c.expires_at < now - LINKS_KEPT),
            "codes": await _delete(house, _code, _code.c.expires_at < now - LINKS_KEPT)}  # fmt: skip
    if not house.settings.keep_days:
        return gone
    before = now - timedelta(days=house.settings.keep_days)
    done = (_inbox.c.done_at.is_not(None), ~_has_open_case(_inbox))
    gone["events"] = await _delete_by_number(house, _inbox, _inbox.c.received_at, before, done)
    ended = (_outbox.c.status >= int(Status.SENT), ~_has_open_case(_outbox))
    gone["messages"] = await _delete_by_number(house, _outbox, _outbox.c.created_at, before, ended)
    gone["misses"] = await _delete(house, _miss, _miss.c.at < before)
    gone["cases"] = await _blank_cases(house, before)
    gone["files"] = await _delete_files(house, before)
    gone["wanted_files"] = await _delete(house, _wanted, _is_given_up(before))
    gone["conversations"] = await _blank_conversations(house, before)
    return gone


def _has_open_case(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.exists().where(_case.c.conversation == table.c.conversation, _case.c.closed_at.is_(None))


async def _delete(house: House, table: sa.Table, old: sa.ColumnElement[bool]) -> int:
    """Small tables, and those with an index on their time."""
    [key] = table.primary_key.columns
    statement = table.delete().where(key.in_(sa.select(key).where(old).limit(SLICE)))
    return await _until_none(house, statement)


async def _until_none(house: House, statement: sa.Delete) -> int:
    total = 0
    while gone := await house.store.write(lambda c: c.execute(statement).rowcount):
        total += gone
        await asyncio.sleep(PAUSE_S)
    return total


async def _delete_by_number(
    house: House,
    table: sa.Table,
    at: sa.ColumnElement[datetime],
    before: datetime,
    done: Sequence[sa.ColumnElement[bool]],
) -> int:
    """Tables whose numbers grow with time: from the lowest up to the first row that is young enough."""
    may_go = sa.and_(*done).label("may_go")
    slice_ = (
        sa.select(table.c.id, at.label("at"), may_go)
        .where(table.c.id > sa.bindparam("after"), table.c.id < sa.select(sa.func.max(table.c.id)).scalar_subquery())
        .order_by(table.c.id)
        .limit(SLICE)
    )
    delete = table.delete().where(table.c.id.in_(sa.bindparam("ids", expanding=True)), *done)
    after, total = 0, 0
    while rows := await _read(house, slice_, after=after):
        ids = [row.id for row in rows if row.may_go and row.at < before]
        if ids:
            total += await house.store.write(lambda c, ids=ids: c.execute(delete, {"ids": ids}).rowcount)  # type: ignore[misc]
        if rows[-1].at >= before:
            break
        after = rows[-1].id
        await asyncio.sleep(PAUSE_S)
    return total


async def _blank_cases(house: House, before: datetime) -> int:
    """Closed cases lose what was said; that they were, where and how they ended stays."""
    slice_ = (
        sa.select(_case.c.id, _case.c.opened_at, _case.c.closed_at, _case.c.problem, _case.c.answers, _case.c.tried,
                  _case.c.hamlet, _has_words_elsewhere().label("elsewhere"))
        .where(_case.c.id > sa.bindparam("after"))
        .order_by(_case.c.id)
        .limit(SLICE)
    )  # fmt: skip
    after, total = 0, 0
    while rows := await _read(house, slice_, after=after):
        ids = [row.id for row in rows if row.closed_at and row.closed_at < before and _has_words(row)]
        if ids:
            await house.store.write(lambda c, ids=ids: _blank(c, ids))  # type: ignore[misc]
            total += len(ids)
        if rows[-1].opened_at >= before:
            break
        after = rows[-1].id
        await asyncio.sleep(PAUSE_S)
    return total


def _has_words(case: Any) -> bool:
    return bool(case.problem or case.answers or case.tried or case.hamlet or case.elsewhere)


def _has_words_elsewhere() -> sa.ColumnElement[bool]:
    """What other tables hold of a case: the team may write a note, or arrange a visit, long after it was blanked."""
    visited = (_visit.c.case_id == _case.c.id, sa.or_(_visit.c.place != "", _visit.c.hamlet != ""))
    return sa.or_(
        sa.exists().where(_note.c.case_id == _case.c.id),
        sa.exists().where(_addressed.c.case_id == _case.c.id),
        sa.exists().where(*visited),
    )


def _blank(connection: sa.Connection, cases: Sequence[int]) -> None:
    blank = {"problem": "", "answers": {}, "tried": {}, "hamlet": ""}
    connection.execute(_case.update().where(_case.c.id.in_(cases)).values(blank))
    connection.execute(_note.delete().where(_note.c.case_id.in_(cases)))
    connection.execute(_visit.update().where(_visit.c.case_id.in_(cases)).values(place="", hamlet=""))
    connection.execute(_addressed.delete().where(_addressed.c.case_id.in_(cases)))


async def _delete_files(house: House, before: datetime) -> int:
    """The rows first: a file whose row is gone is swept by api/files.py if this ends in between."""
    old = (_media.c.stored_at < before, ~_has_open_case(_media))
    delete = (
        _media.delete().where(_media.c.id.in_(sa.select(_media.c.id).where(*old).limit(SLICE))).returning(_media.c.path)
    )
    total = 0
    while paths := await house.store.write(lambda c: list(c.execute(delete).scalars())):
        for path in paths:
            await asyncio.to_thread(Path(path).unlink, missing_ok=True)
        total += len(paths)
        await asyncio.sleep(PAUSE_S)
    return total


def _is_given_up(before: datetime) -> sa.ColumnElement[bool]:
    """A file that could not be had, and that no conversation still shows: it ended since, or was touched long ago."""
    young = (_conversation.c.key == _wanted.c.conversation, _conversation.c.updated_at >= before)
    return sa.and_(_wanted.c.next_at.is_(None), ~sa.exists().where(*young), ~_has_open_case(_wanted))


async def _blank_conversations(house: House, before: datetime) -> int:
    """Of conversations that nobody went on with the resident's words go, and with them the flow that needs them."""
    opened = sa.exists().where(_case.c.conversation == _conversation.c.key, _case.c.closed_at.is_(None))
    may_go = sa.and_(_conversation.c.updated_at < before, ~opened)
    state = sa.case((may_go, sa.cast(_conversation.c.state, sa.Text)), else_="{}").label("state")
    slice_ = (
        sa.select(_conversation.c.key, _conversation.c.updated_at, state)
        .where(_conversation.c.key > sa.bindparam("after"))
        .order_by(_conversation.c.key)
        .limit(SLICE)
    )
    # a turn that runs meanwhile moves updated_at on: what it wrote stays
    here = (_conversation.c.key == sa.bindparam("row"), _conversation.c.updated_at == sa.bindparam("seen"))
    blank = _conversation.update().where(*here).values(state=sa.bindparam("blank"))
    after, total = "", 0
    while rows := await _read(house, slice_, after=after):
        blanks = [{"row": row.key, "seen": row.updated_at, "blank": left} for row in rows if (left := _left_of(row))]
        if blanks:
            total += await house.store.write(lambda c, blanks=blanks: c.execute(blank, blanks).rowcount)  # type: ignore[misc]
        after = rows[-1].key
        await asyncio.sleep(PAUSE_S)
    return total


def _left_of(row: Any) -> orjson.Fragment | None:
    """The state without the resident's words; None when it has none."""
    if row.state == "{}":  # young, or nothing was ever said
        return None
    talk = record.read_text(Conversation, row.state)
    left = replace(talk, asked=(), answers={}, position=None, stack=(), menu=None, wake_at=None)
    return orjson.Fragment(record.text(left)) if left != talk else None


async def _read(house: House, query: sa.Select[Any], **given: Any) -> list[Any]:
    return await house.store.read(lambda c: list(c.execute(query, given)))
