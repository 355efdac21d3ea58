"""What the console's pages show, read from the tables; who may see a case is decided here and only here.

Writes one thing: that a person read.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from api import cases, casework, joins, phones, threads, words
from api.auth import Member
from api.prepared import Row
from api.tables import Case, Colleague, Inbox, Log, Media, Offer
from api.tables import Member as MemberTable
from bot.library import Library
from bot.said import which_channels

#: "talk": the whole; "summary": what a member must know to take it; "none": as if it did not exist
Reach = Literal["talk", "summary", "none"]

MOST_CARDS = 50
#: what the resident agreed to have read is what they "just" talked about; and the last words may trail the closing
_BEFORE = timedelta(days=1)
_AFTER = timedelta(minutes=1)

_case = Case.__table__
_offer = Offer.__table__
_member = MemberTable.__table__
_inbox = Inbox.__table__
_log = Log.__table__
_media = Media.__table__
_colleague = Colleague.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One case in a list. `since`: how long it waits: for a member, or in my own cases for my answer."""

    id: int
    topic: str
    place: str
    since: datetime
    #: told only of those whose case the member holds
    name: str = ""
    unanswered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """All lists of /team. No case is in two of them."""

    offers: tuple[Card, ...]
    mine: tuple[Card, ...]
    #: others' cases at which the member was asked to look
    asked: tuple[Card, ...]
    commune: tuple[Card, ...]
    province: tuple[Card, ...]

    @property
    def urgent(self) -> int:
        """How many wait for this very member."""
        return len(self.offers) + sum(card.unanswered for card in self.mine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The five lines. `answered` are (question, answer)."""

    name: str
    channel: str
    where: str
    doing: str
    answered: tuple[tuple[str, str], ...]
    tried: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A case as one member may see it. `is_mine`: they hold it and can write. `lines` is empty below "talk"."""

    id: int
    conversation: str
    reach: Reach
    topic: str
    summary: Summary
    since: datetime
    is_mine: bool
    #: a lead of its place looks at it, and may move it
    is_led: bool
    is_offered: bool
    is_closed: bool
    outcome: str
    visit_on: str
    holder: str
    lines: tuple[threads.Line, ...]

    @property
    def lines_channels(self) -> tuple[str, ...]:
        """Through which channel each of `lines` went, as people call it; "" everywhere when it is but one chat."""
        several = len({line.chat for line in self.lines if line.chat}) > 1
        return tuple(which_channels((line.chat.partition(":")[0],)) if several else "" for line in self.lines)


# --- the desk --------------------------------------------------------------------------------------------------


def desk(connection: sa.Connection, library: Library, member: Member) -> Desk:
    open_offers = sa.select(_offer.c.case_id).where(_offer.c.member_id == member.id, _offer.c.answered_at.is_(None))
    offered = _case.c.id.in_(open_offers)
    offers = connection.execute(_waiting(offered)).mappings().all()
    commune = connection.execute(_waiting(~offered, _case.c.commune == member.commune)).mappings().all()
    elsewhere = (~offered, _case.c.province == member.province, _case.c.commune != member.commune)
    province = connection.execute(_waiting(*elsewhere)).mappings().all()
    held = connection.execute(
        sa.select(_case)
        .where(_case.c.holder_id == member.id, _case.c.closed_at.is_(None))
        .order_by(_case.c.id)
        .limit(MOST_CARDS)
    )
    mine = [_held_card(connection, library, row) for row in held.mappings().all()]
    asked_for = sa.select(_colleague.c.case_id).where(_colleague.c.member_id == member.id)
    asked = connection.execute(
        sa.select(_case)
        .where(_case.c.id.in_(asked_for), _case.c.closed_at.is_(None), _case.c.holder_id.is_distinct_from(member.id))
        .order_by(_case.c.id)
        .limit(MOST_CARDS)
    ).mappings()
    return Desk(
        offers=tuple(_card(library, row) for row in offers),
        # who waits for an answer first, the longest waiting on top; the others by their newest words
        mine=tuple(sorted(mine, key=_by_need)),
        asked=tuple(replace(_card(library, row), name=cases.resident_name(connection, row)) for row in asked.all()),
        commune=tuple(_card(library, row) for row in commune if member.commune),
        province=tuple(_card(library, row) for row in province if member.province),
    )


def _waiting(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    waits = (_case.c.closed_at.is_(None), _case.c.taken_at.is_(None))
    return sa.select(_case).where(*waits, *conditions).order_by(_case.c.opened_at, _case.c.id).limit(MOST_CARDS)


def _by_need(card: Card) -> tuple[bool, float]:
    seconds = card.since.timestamp()
    return (not card.unanswered, seconds if card.unanswered else -seconds)


def _card(library: Library, row: Any) -> Card:
    return Card(
        id=row["id"],
        topic=words.topic(library, row["topic"], row["flow"]),
        place=_place(library, row),
        since=row["opened_at"],
    )


def _held_card(connection: sa.Connection, library: Library, row: Any) -> Card:
    """`since` is the oldest of the resident's lines that nobody of the team has answered, else their newest line."""
    open_since: datetime | None = row["taken_at"]
    newest = row["opened_at"]
    for line in _lines(connection, row):
        if line.who == "resident":
            newest = line.at
            open_since = open_since or line.at
        elif line.who == "member" and line.at >= row["taken_at"]:
            open_since = None
    return replace(
        _card(library, row),
        since=open_since or newest,
        name=cases.resident_name(connection, row),
        unanswered=open_since is not None,
    )


# --- one case --------------------------------------------------------------------------------------------------


def reach(connection: sa.Connection, row: Row | None, member: Member) -> Reach:
    """The talk is for its holder, for colleagues they asked, and for the lead of the resident's place once somebody
    holds it.

    While it waits, those who could take it see the summary: to whom it is offered, and the commune's and province's
    members.
    """
    if row is None:
        return "none"
    if row["holder_id"] == member.id:
        return "talk"
    if row["closed_at"] is not None:
        return "none"
    if member.id in casework.colleagues(connection, row["id"]):
        return "talk"
    if row["taken_at"] is not None:
        return "talk" if leads(member, row) else "none"
    same_commune = bool(member.commune) and row["commune"] == member.commune
    same_province = bool(member.province) and row["province"] == member.province
    if same_commune or same_province or is_offered(connection, row["id"], member.id):
        return "summary"
    return "none"


def leads(member: Member, row: Row) -> bool:
    """Whether a lead answers for this case: it is in their place."""
    return member.is_lead and member.covers(row["province"], row["commune"], row["hamlet"])


def holder_elsewhere(connection: sa.Connection, case_id: int, member: Member) -> str:
    """Who holds an open case that this member could have taken; "" when there is nothing to tell them."""
    row = cases.find(connection, case_id)
    if row is None or row["closed_at"] is not None or row["holder_id"] in (None, member.id):
        return ""
    near = bool(member.province) and row["province"] == member.province
    was_asked = sa.select(_offer.c.id).where(_offer.c.case_id == case_id, _offer.c.member_id == member.id)
    if not near and connection.execute(was_asked).first() is None:
        return ""
    query = sa.select(_member.c.called, _member.c.name).where(_member.c.id == row["holder_id"])
    holder = connection.execute(query).one()
    return str(holder.called or holder.name)


def is_offered(connection: sa.Connection, case_id: int, member_id: int) -> bool:
    mine = (_offer.c.case_id == case_id, _offer.c.member_id == member_id, _offer.c.answered_at.is_(None))
    return connection.execute(sa.select(_offer.c.id).where(*mine)).first() is not None


def opened(connection: sa.Connection, library: Library, case_id: int, member: Member) -> Opened | None:
    """The case as far as this member may see it; None when they may not."""
    row = cases.find(connection, case_id)
    how = reach(connection, row, member)
    if row is None or how == "none":
        return None
    holder = connection.execute(
        sa.select(_member.c.called, _member.c.name).where(_member.c.id == row["holder_id"])
    ).first()
    is_closed = row["closed_at"] is not None
    return Opened(
        id=row["id"],
        conversation=row["conversation"],
        reach=how,
        topic=words.topic(library, row["topic"], row["flow"]),
        summary=_summary(connection, library, row),
        since=row["opened_at"],
        is_mine=row["holder_id"] == member.id and not is_closed,
        is_led=leads(member, row) and not is_closed,
        is_offered=how == "summary" and is_offered(connection, row["id"], member.id),
        is_closed=is_closed,
        outcome=words.OUTCOMES.get(row["outcome"]) or row["outcome"],
        visit_on=row["visit_on"],
        holder=(holder.called or holder.name) if holder else "",
        lines=_lines(connection, row) if how == "talk" else (),
    )


def _summary(connection: sa.Connection, library: Library, row: Any) -> Summary:
    channel = row["conversation"].partition(":")[0]
    hidden = phones.keys(library)
    return Summary(
        name=cases.resident_name(connection, row),
        channel=which_channels((channel,)),
        where=_place(library, row),
        doing=words.step(library, row["topic"], row["flow"], row["step"]),
        answered=tuple(
            (words.question(library, row["flow"], key), phones.masked(said) if key in hidden else str(said))
            for key, said in row["answers"].items()
        ),
        tried=tuple(row["tried"].get("signs", ())),
        problem=row["problem"],
    )


def _place(library: Library, row: Any) -> str:
    name = cases.place_name(library, row)
    return name[:1].upper() + name[1:]


def _lines(connection: sa.Connection, row: Any) -> tuple[threads.Line, ...]:
    """What belongs to this case: from shortly before it was opened until it was closed, with what is on its way."""
    until = row["closed_at"] + _AFTER if row["closed_at"] else None
    lines = [
        replace(line, chat=key)
        for key in joins.chats(connection, row["conversation"])
        for line in threads.thread(connection, key)
        if line.at >= row["opened_at"] - _BEFORE and (until is None or line.at <= until)
    ]
    lines.sort(key=lambda line: tuple(map(int, line.id.split("."))))
    return (*lines, *_on_the_way(connection, row["conversation"]))


def _on_the_way(connection: sa.Connection, conversation: str) -> tuple[threads.Line, ...]:
    """A member's words that no turn has taken up yet: shown at once, so that nobody sends them twice."""
    rows = connection.execute(
        sa.select(_inbox.c.id, _inbox.c.body, _inbox.c.received_at)
        .where(_inbox.c.conversation == conversation, _inbox.c.done_at.is_(None))
        .order_by(_inbox.c.id)
    )
    return tuple(
        threads.Line(
            id=f"{row.id}.1", out_id=0, who="member", text=row.body.get("text", ""), at=row.received_at, fate="waiting",
            attachments=tuple(
                threads.Shown(kind=one["kind"], ref=one["ref"], name=one.get("name", ""))
                for one in row.body.get("attachments", ())
            ),
        )
        for row in rows
        if row.body.get("kind") == "MemberSaid"
    )  # fmt: skip


def attached(
    connection: sa.Connection, library: Library, case_id: int, member: Member, line_id: str, place: int
) -> tuple[str, threads.Shown] | None:
    """The conversation, and what hangs on one line of its talk; None when this member may not see it."""
    case = opened(connection, library, case_id, member)
    for line in case.lines if case else ():
        if case and line.id == line_id and 0 <= place < len(line.attachments):
            return line.chat or case.conversation, line.attachments[place]
    return None


# --- reading is written down, pictures are served ------------------------------------------------------------------


def was_read_since(connection: sa.Connection, case_id: int, member_id: int, since: datetime) -> bool:
    mine = (_log.c.case_id == case_id, _log.c.kind == "read", _log.c.member_id == member_id, _log.c.at > since)
    return connection.execute(sa.select(_log.c.id).where(*mine).limit(1)).first() is not None


def note_reading(connection: sa.Connection, case_id: int, member_id: int, how: Reach, now: datetime) -> None:
    """That a person read, never what."""
    cases.write_log(connection, now, "read", case_id=case_id, member_id=member_id, detail=how)


def may_see_media(connection: sa.Connection, media_id: str, member: Member) -> Row | None:
    """The picture's row, when it lies on disk and belongs to the talk of a case that this member may read."""
    found = connection.execute(sa.select(_media).where(_media.c.id == media_id)).mappings().first()
    if found is None:
        return None
    chats = joins.chats(connection, found["conversation"])
    rows = connection.execute(sa.select(_case).where(_case.c.conversation.in_(chats))).mappings().all()
    for row in rows:
        ends = row["closed_at"] + _AFTER if row["closed_at"] else found["stored_at"]
        inside = row["opened_at"] - _BEFORE <= found["stored_at"] <= ends
        if inside and reach(connection, row, member) == "talk":
            return found if Path(found["path"]).is_file() else None
    return None
