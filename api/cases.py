"""Cases, members and residents as the desk reads them, and the three small writes that everything of the desk shares.

Decides nothing. A resident's words leave here only for who may read them: that is the caller's question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from api import inbox, later, nearest, phones, words
from api.prepared import Prepared, Row
from api.tables import Case, ConversationRow, Member, Outbox, Team
from bot.handoff import Hours
from bot.library import Library
from bot.said import VIETNAM

_case = Case.__table__
_member = Member.__table__
_team = Team.__table__
_outbox = Outbox.__table__
_conversation = ConversationRow.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the team's work goes by, apart from the case itself: content, hours, its group, its own settings."""

    library: Library
    hours: Hours
    #: the team's group on Telegram, "" for none
    team_chat: str
    #: a forum topic for each case in that group
    topics: bool = False
    #: how long members can take back what they write from their own chat
    undo_seconds: int = 0
    #: where the console is, without a slash at the end
    public_url: str = ""
    #: the channels on which a resident's silence closes the way to them
    windowed: frozenset[str] = frozenset()
    #: the channels on which what is said at once is one message, with the longest text of one
    merging: Mapping[str, int] = field(default_factory=dict)
    #: the service's own: keys the hash under which a resident's answers to surveys are kept
    key: str = ""


_OF_ID = sa.select(_case).where(_case.c.id == sa.bindparam("case"))
_BY_ID, _LOCKED = Prepared(_OF_ID), Prepared(_OF_ID.with_for_update())
_OPEN_OF = Prepared(
    sa.select(_case).where(_case.c.conversation == sa.bindparam("conversation"), _case.c.closed_at.is_(None))
)
_HELD_BY = Prepared(
    sa.select(_case)
    .where(_case.c.holder_id == sa.bindparam("member"), _case.c.closed_at.is_(None))
    .order_by(_case.c.id)
)
_MEMBER = Prepared(sa.select(_member).where(_member.c.id == sa.bindparam("member")))
_NAME = Prepared(sa.select(_conversation.c.name).where(_conversation.c.key == sa.bindparam("conversation")))
#: its SET is what it is given
_CHANGE = Prepared(_case.update().where(_case.c.id == sa.bindparam("case")))
_CALLED = Prepared(
    sa.select(_member.c.called, _team.c.name)
    .join(_team, _team.c.id == _member.c.team_id)
    .where(_member.c.id == sa.bindparam("member"))
)
_OF_MESSAGE = Prepared(
    sa.select(_outbox.c.case_id, _outbox.c.body).where(
        _outbox.c.channel == sa.bindparam("channel"),
        _outbox.c.chat == sa.bindparam("chat"),
        _outbox.c.remote_id == sa.bindparam("remote_id"),
    )
)


def find(connection: sa.Connection, case_id: int) -> Row | None:
    return _BY_ID.mapping(connection, {"case": case_id})


def get(connection: sa.Connection, case_id: int) -> Row:
    """Raises LookupError when there is no such case."""
    return _there(find(connection, case_id), "case", case_id)


def _there(row: Row | None, what: str, row_id: int) -> Row:
    if row is None:
        raise LookupError(f"there is no {what} {row_id}")
    return row


def locked(connection: sa.Connection, case_id: int) -> Row | None:
    """The newest state of a case, which nobody else changes until this transaction ends."""
    return _LOCKED.mapping(connection, {"case": case_id})


def change(connection: sa.Connection, case_id: int, **values: Any) -> None:
    """These columns of a case that the caller has locked."""
    _CHANGE.run(connection, {"case": case_id, **values})


def open_of(connection: sa.Connection, conversation: str) -> Row | None:
    """The one open case of a conversation, if there is one."""
    return _OPEN_OF.mapping(connection, {"conversation": conversation})


def held_by(connection: sa.Connection, member_id: int) -> list[Row]:
    """The open cases of a member, oldest first."""
    return _HELD_BY.mappings(connection, {"member": member_id})


def member_of(connection: sa.Connection, member_id: int) -> Row:
    """Raises LookupError when there is no such member."""
    return _there(_MEMBER.mapping(connection, {"member": member_id}), "member", member_id)


def leads(connection: sa.Connection, case: Row) -> Sequence[Row]:
    """Who answers for a case's place: the leads of its commune, where it has none those of its province."""
    lead = sa.select(_member).where(_member.c.role == "lead", _member.c.province == case["province"])
    near = connection.execute(lead.where(_member.c.commune == case["commune"]).order_by(_member.c.id)).mappings().all()
    if near or not case["commune"]:
        return near
    return connection.execute(lead.where(_member.c.commune == "").order_by(_member.c.id)).mappings().all()


def called(connection: sa.Connection, member_id: int) -> str:
    """ "chị Lan, Tổ công nghệ số khu phố 3": how a resident is told who answers."""
    row = _there(_CALLED.mapping(connection, {"member": member_id}), "member", member_id)
    return f"{row['called']}, {row['name']}"


def case_of_message(connection: sa.Connection, channel: str, chat: str, remote_id: str) -> int | None:
    """The case to which a message of ours in a member's chat belongs."""
    row = _OF_MESSAGE.first(connection, {"channel": channel, "chat": chat, "remote_id": remote_id})
    return row.case_id if row else None


def words_of(connection: sa.Connection, conversation: str, remote_id: str) -> str:
    """What a message of ours to a resident said; "" when it is not known."""
    channel, _, chat = conversation.partition(":")
    row = _OF_MESSAGE.first(connection, {"channel": channel, "chat": chat, "remote_id": remote_id})
    return str(row.body.get("text", "")) if row else ""


def summary(library: Library, case: Row, name: str) -> tuple[str, ...]:
    """Five lines: who, where, flow and step, answers given, what was tried; then the resident's own words.

    `name` as `resident_name` gives it.
    """
    doing = words.step(library, case["topic"], case["flow"], case["step"])
    hidden = phones.keys(library)
    answers = (
        f"{words.question(library, case['flow'], key)} {phones.masked(said) if key in hidden else said}"
        for key, said in case["answers"].items()
    )
    given = "; ".join(answers) or "chưa có"
    tried = ", ".join(case["tried"].get("signs", ())) or "chưa có"
    opened = case["opened_at"].astimezone(VIETNAM)
    return (
        f"Hồ sơ #{case['id']} · {name} · {opened:%H:%M %d/%m}",
        f"Ở: {place_name(library, case)}",
        f"Đang làm: {doing}",
        f"Đã trả lời: {given}",
        f"Đã thử: {tried}",
        f"Bác nói: {case['problem'] or '(chưa nói)'}",
    )


def place_name(library: Library, case: Row) -> str:
    if not case["commune"]:
        return "chưa rõ"
    try:
        commune = library.gazetteer.full_name(case["commune"])
    except KeyError:  # a code of an older place pack
        commune = f"xã, phường mã {case['commune']}"
    return f"{case['hamlet']}, {commune}" if case["hamlet"] else commune


def resident_name(connection: sa.Connection, case: Row) -> str:
    """What the channel calls them, else "Bác" and the number of their case."""
    name = _NAME.scalar(connection, {"conversation": case["conversation"]})
    return str(name or "") or f"Bác số {case['id']}"


def home(library: Library) -> str:
    return library.home[0] if library.home else ""


def province_of(library: Library, commune: str) -> str:
    """ "" for no commune, and for a code of an older place pack."""
    try:
        return library.gazetteer.commune(commune).province_code if commune else ""
    except KeyError:
        return ""


def spot(library: Library, commune: str, hamlet: str) -> nearest.Spot:
    at = library.gazetteer.commune(commune)
    return nearest.Spot(commune=commune, hamlet=hamlet, province=at.province_code, lat=at.lat, lon=at.lon)


def write_log(connection: sa.Connection, now: datetime, kind: str, **facts: Any) -> None:
    row = {"conversation": "", "case_id": None, "member_id": None, "flow": "", "step": "", "detail": "", **facts}
    later.log(connection, {"at": now, "kind": kind, **row})


def tell(connection: sa.Connection, case: Row, event: Any, provider_id: str, now: datetime) -> bool:
    """False for a repeat."""
    arrival = inbox.from_inside(case["conversation"], event, provider_id)
    return inbox.put_new(connection, arrival, now)


def set_timer(connection: sa.Connection, key: str, conversation: str, due_at: datetime, body: dict[str, Any]) -> None:
    """Setting a timer again replaces it."""
    later.timer(connection, key, {"key": key, "conversation": conversation, "due_at": due_at, "body": body})


def unset_timer(connection: sa.Connection, key: str) -> None:
    """Nothing for a timer that is not set."""
    later.timer(connection, key, None)
