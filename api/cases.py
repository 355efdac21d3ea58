"""Cases, members and residents as the desk reads them, and the three small writes that everything of the desk shares.

Decides nothing. A resident's words leave here only for who may read them: that is the caller's question.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from api import inbox, nearest, phones, words
from api.tables import Case, ConversationRow, Leave, Log, Member, Offer, Outbox, Team, Timer
from bot.handoff import Hours
from bot.library import Library
from bot.said import VIETNAM

_case = Case.__table__  # type: ignore[attr-defined]
_offer = Offer.__table__  # type: ignore[attr-defined]
_member = Member.__table__  # type: ignore[attr-defined]
_leave = Leave.__table__  # type: ignore[attr-defined]
_team = Team.__table__  # type: ignore[attr-defined]
_log = Log.__table__  # type: ignore[attr-defined]
_timer = Timer.__table__  # type: ignore[attr-defined]
_outbox = Outbox.__table__  # type: ignore[attr-defined]
_conversation = ConversationRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the desk must know of its surroundings."""

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


# Asked at every turn, so built once: SQLAlchemy needs as long to put a query together as SQLite to answer it.
_BY_ID = sa.select(_case).where(_case.c.id == sa.bindparam("case"))
_LOCKED = _BY_ID.with_for_update()
_OPEN_OF = sa.select(_case).where(_case.c.conversation == sa.bindparam("conversation"), _case.c.closed_at.is_(None))
_HELD_BY = (
    sa.select(_case)
    .where(_case.c.holder_id == sa.bindparam("member"), _case.c.closed_at.is_(None))
    .order_by(_case.c.id)
)
_MEMBER = sa.select(_member).where(_member.c.id == sa.bindparam("member"))
_NAME = sa.select(_conversation.c.name).where(_conversation.c.key == sa.bindparam("conversation"))
_WRITE_LOG = _log.insert()
#: its SET is what it is given
_CHANGE = _case.update().where(_case.c.id == sa.bindparam("case"))
_CALLED = (
    sa.select(_member.c.called, _team.c.name)
    .join(_team, _team.c.id == _member.c.team_id)
    .where(_member.c.id == sa.bindparam("member"))
)
_OF_MESSAGE = sa.select(_outbox.c.case_id, _outbox.c.body).where(
    _outbox.c.channel == sa.bindparam("channel"),
    _outbox.c.chat == sa.bindparam("chat"),
    _outbox.c.remote_id == sa.bindparam("remote_id"),
)
_UNSET_TIMER = _timer.delete().where(_timer.c.key == sa.bindparam("unset"))
_SET_TIMER = {
    name: insert.on_conflict_do_update(
        index_elements=["key"],
        set_={what: insert.excluded[what] for what in ("conversation", "due_at", "body")},
    )
    for name, insert in (("sqlite", sqlite.insert(_timer)), ("postgresql", postgresql.insert(_timer)))
}


def find(connection: sa.Connection, case_id: int) -> sa.RowMapping | None:
    return connection.execute(_BY_ID, {"case": case_id}).mappings().first()


def get(connection: sa.Connection, case_id: int) -> sa.RowMapping:
    return connection.execute(_BY_ID, {"case": case_id}).mappings().one()


def locked(connection: sa.Connection, case_id: int) -> sa.RowMapping | None:
    """The newest state of a case, which nobody else changes until this transaction ends."""
    return connection.execute(_LOCKED, {"case": case_id}).mappings().first()


def change(connection: sa.Connection, case_id: int, **values: Any) -> None:
    """These columns of a case that the caller has locked."""
    connection.execute(_CHANGE, {"case": case_id, **values})


def open_of(connection: sa.Connection, conversation: str) -> sa.RowMapping | None:
    """The one open case of a conversation, if there is one."""
    return connection.execute(_OPEN_OF, {"conversation": conversation}).mappings().first()


def held_by(connection: sa.Connection, member_id: int) -> list[sa.RowMapping]:
    """The open cases of a member, oldest first."""
    return list(connection.execute(_HELD_BY, {"member": member_id}).mappings())


def member_of(connection: sa.Connection, member_id: int) -> sa.RowMapping:
    return connection.execute(_MEMBER, {"member": member_id}).mappings().one()


def leads(connection: sa.Connection, case: sa.RowMapping) -> list[sa.RowMapping]:
    """Who answers for a case's place: the leads of its commune, where it has none those of its province."""
    lead = sa.select(_member).where(_member.c.role == "lead", _member.c.province == case["province"])
    near = list(connection.execute(lead.where(_member.c.commune == case["commune"]).order_by(_member.c.id)).mappings())
    if near or not case["commune"]:
        return near
    return list(connection.execute(lead.where(_member.c.commune == "").order_by(_member.c.id)).mappings())


def called(connection: sa.Connection, member_id: int) -> str:
    """ "chị Lan, Tổ công nghệ số khu phố 3": how a resident is told who answers."""
    row = connection.execute(_CALLED, {"member": member_id}).one()
    return f"{row.called}, {row.name}"


def case_of_message(connection: sa.Connection, channel: str, chat: str, remote_id: str) -> int | None:
    """The case to which a message of ours in a member's chat belongs."""
    row = connection.execute(_OF_MESSAGE, {"channel": channel, "chat": chat, "remote_id": remote_id}).first()
    return row.case_id if row else None


def words_of(connection: sa.Connection, conversation: str, remote_id: str) -> str:
    """What a message of ours to a resident said; "" when it is not known."""
    channel, _, chat = conversation.partition(":")
    row = connection.execute(_OF_MESSAGE, {"channel": channel, "chat": chat, "remote_id": remote_id}).first()
    return str(row.body.get("text", "")) if row else ""


def summary(connection: sa.Connection, library: Library, case: sa.RowMapping) -> tuple[str, ...]:
    """Five lines: who, where, flow and step, answers given, what was tried; then the resident's own words."""
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
        f"Hồ sơ #{case['id']} · {resident_name(connection, case)} · {opened:%H:%M %d/%m}",
        f"Ở: {place_name(library, case)}",
        f"Đang làm: {doing}",
        f"Đã trả lời: {given}",
        f"Đã thử: {tried}",
        f"Bác nói: {case['problem'] or '(chưa nói)'}",
    )


def place_name(library: Library, case: sa.RowMapping) -> str:
    if not case["commune"]:
        return "chưa rõ"
    try:
        commune = library.gazetteer.full_name(case["commune"])
    except KeyError:  # a code of an older place pack
        commune = f"xã, phường mã {case['commune']}"
    return f"{case['hamlet']}, {commune}" if case["hamlet"] else commune


def resident_name(connection: sa.Connection, case: sa.RowMapping) -> str:
    """What the channel calls them, else "Bác" and the number of their case."""
    name = connection.execute(_NAME, {"conversation": case["conversation"]}).scalar()
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
    connection.execute(_WRITE_LOG, {"at": now, "kind": kind, **row})


def tell(connection: sa.Connection, case: sa.RowMapping, event: Any, provider_id: str, now: datetime) -> bool:
    """False for a repeat."""
    arrival = inbox.from_inside(case["conversation"], event, provider_id)
    return inbox.put_new(connection, arrival, now)


def set_timer(connection: sa.Connection, key: str, conversation: str, due_at: datetime, body: dict[str, Any]) -> None:
    """Setting a timer again replaces it."""
    set_timers(connection, [{"key": key, "conversation": conversation, "due_at": due_at, "body": body}])


def set_timers(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Rows of the table of timers, each key at most once."""
    connection.execute(_SET_TIMER[connection.dialect.name], rows)


def unset_timer(connection: sa.Connection, key: str) -> None:
    """Nothing for a timer that is not set."""
    connection.execute(_UNSET_TIMER, {"unset": key})
