"""Which chats are one resident's: codes given and used, chats joined and parted, what follows from it for the others.

bot.joining says what it means in a talk; here is what the database must know. Everything runs inside a turn's
transaction. A chat is changed only by events of its own inbox: no turn ever locks another one's conversation.
"""

import secrets
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from api import cases, inbox, later
from api.outbox import Pen
from api.prepared import Prepared
from api.tables import Case, ConversationRow, JoinCode, Joined, Log
from bot import record
from bot.joining import CODE_LENGTH, CODE_LETTERS, code_in, continues_case
from bot.library import Library
from bot.model import CaseMoved, ChatsJoined, CodeRead, Conversation, ErasedElsewhere, Event, Inbound, Learned
from bot.model import JoinCode as CodeGiven

CODE_MINUTES = 10
#: wrong codes within that time: of one chat, and of all together, before none is looked up. The second is what keeps
#: somebody with a thousand chats from guessing: sixty of 34 million
MOST_WRONG, MOST_WRONG_OF_ALL = 5, 60

_joined = Joined.__table__
_code = JoinCode.__table__
_case = Case.__table__
_conversation = ConversationRow.__table__
_log = Log.__table__
_KEY = sa.bindparam("key", type_=sa.String)
_OTHERS = Prepared(
    sa.select(_joined.c.conversation)
    .where(
        _joined.c.resident == sa.select(_joined.c.resident).where(_joined.c.conversation == _KEY).scalar_subquery(),
        _joined.c.conversation != _KEY,
    )
    .order_by(_joined.c.joined_at, _joined.c.conversation)
)


# --- reading -----------------------------------------------------------------------------------------------------


def chats(connection: sa.Connection, key: str) -> tuple[str, ...]:
    """The keys of all chats of this resident, this one first; the others in the order in which they were joined."""
    return (key, *(other.conversation for other in _OTHERS.rows(connection, {"key": key})))


def served_in(connection: sa.Connection, key: str) -> str:
    """In which of this resident's chats the team helped them last; this one when it never did."""
    keys = chats(connection, key)
    if len(keys) == 1:
        return key
    helped = sa.select(_case.c.conversation).where(_case.c.conversation.in_(keys), _case.c.holder_id.is_not(None))
    found: str | None = connection.execute(helped.order_by(_case.c.id.desc()).limit(1)).scalar()
    return found or key


# --- codes -------------------------------------------------------------------------------------------------------


def give_code(connection: sa.Connection, pen: Pen) -> None:
    """A new code for this chat, told by an event; the one it had before is worth nothing any more."""
    old = sa.or_(_code.c.conversation == pen.conversation, _code.c.expires_at <= pen.now)
    connection.execute(_code.delete().where(old))
    code = _new_code()
    while connection.execute(sa.select(_code.c.code).where(_code.c.code == code)).first():
        code = _new_code()
    row = {"conversation": pen.conversation, "code": code, "expires_at": pen.now + timedelta(minutes=CODE_MINUTES)}
    connection.execute(_code.insert(), {**row, "claimed_by": ""})
    _tell(connection, pen.conversation, CodeGiven(code=code, minutes=CODE_MINUTES), pen)


def _new_code() -> str:
    code = ""
    while code_in(code) != code or not code:
        code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
    return code


def read_code(connection: sa.Connection, pen: Pen, code: str) -> None:
    """Somebody typed a code: what it is, told by an event. A good one is this chat's alone from now on."""
    if _too_many(connection, pen):
        _tell(connection, pen.conversation, CodeRead(found="too_many"), pen)
        return
    good = (_code.c.code == code, _code.c.expires_at > pen.now)
    owner: str = connection.execute(sa.select(_code.c.conversation).where(*good)).scalar() or ""
    if owner and owner in chats(connection, pen.conversation):
        found: Literal["own", "same"] = "own" if owner == pen.conversation else "same"
        _tell(connection, pen.conversation, CodeRead(found=found), pen)
        return
    free = _code.c.claimed_by.in_(("", pen.conversation))
    claim = _code.update().where(*good, free).values(claimed_by=pen.conversation).returning(_code.c.conversation)
    if connection.execute(claim).first() is None:
        cases.write_log(connection, pen.now, "join_wrong", conversation=pen.conversation)
        _tell(connection, pen.conversation, CodeRead(found="wrong"), pen)
        return
    _tell(connection, pen.conversation, CodeRead(found="found", channel=owner.partition(":")[0]), pen)


def _too_many(connection: sa.Connection, pen: Pen) -> bool:
    later.flush(connection)  # who tries many at once has them in this batch
    since = pen.now - timedelta(minutes=CODE_MINUTES)
    wrong = sa.select(_log.c.conversation).where(_log.c.kind == "join_wrong", _log.c.at > since)
    by = list(connection.execute(wrong.limit(MOST_WRONG_OF_ALL)).scalars())
    return len(by) >= MOST_WRONG_OF_ALL or by.count(pen.conversation) >= MOST_WRONG


# --- joining and parting -------------------------------------------------------------------------------------------


def answer(connection: sa.Connection, pen: Pen, state: Conversation, agreed: bool) -> None:
    """The code is used up, whatever the answer. Agreed: its chat and this one are one resident's from now on."""
    mine = (_code.c.claimed_by == pen.conversation, _code.c.expires_at > pen.now)
    other: str | None = connection.execute(_code.delete().where(*mine).returning(_code.c.conversation)).scalar()
    if not agreed:
        return
    if other is None:
        _tell(connection, pen.conversation, CodeRead(found="wrong"), pen)
        return
    together = tuple(dict.fromkeys((*chats(connection, other), *chats(connection, pen.conversation))))
    resident = secrets.token_hex(8)
    connection.execute(_joined.delete().where(_joined.c.conversation.in_(together)))
    rows = [{"conversation": key, "resident": resident, "joined_at": pen.now} for key in together]
    connection.execute(_joined.insert(), rows)
    cases.write_log(connection, pen.now, "chats_joined", conversation=pen.conversation)
    states = sa.select(_conversation.c.state).where(_conversation.c.key.in_(together))
    known = [state, *(record.read(Conversation, one) for one in connection.execute(states).scalars() if one)]
    place = next((one.place for one in known if one.place), None)
    consent = next((one.consent for one in known if one.consent), None)
    for key in together:
        _tell(connection, key, ChatsJoined(others=_channels(together, key), place=place, consent=consent), pen)


def leave(connection: sa.Connection, pen: Pen) -> None:
    """This chat stands alone again; so does a chat that nobody is left to be joined with."""
    _, *rest = chats(connection, pen.conversation)
    alone = (pen.conversation, *rest) if len(rest) == 1 else (pen.conversation,)
    connection.execute(_joined.delete().where(_joined.c.conversation.in_(alone)))
    cases.write_log(connection, pen.now, "chats_parted", conversation=pen.conversation)
    _tell(connection, pen.conversation, ChatsJoined(others=()), pen)
    for key in rest:
        _tell(connection, key, ChatsJoined(others=_channels(tuple(rest), key)), pen)


def _channels(keys: tuple[str, ...], but: str) -> tuple[str, ...]:
    return tuple(key.partition(":")[0] for key in keys if key != but)


# --- what follows from it ----------------------------------------------------------------------------------------


def follow(
    connection: sa.Connection, library: Library, state: Conversation, said: Inbound, key: str, now: datetime
) -> CaseMoved | None:
    """The resident's open case comes to the chat in which they speak to the team; None when there is nothing to move.

    The event is for this chat, before what was said; its old chat gets its own.
    """
    if not state.joined or not continues_case(library, state, said):
        return None
    _, *others = chats(connection, key)
    if not others or cases.open_of(connection, key) is not None:
        return None
    theirs = sa.select(_case).where(_case.c.conversation.in_(others), _case.c.closed_at.is_(None))
    case = connection.execute(theirs.order_by(_case.c.id.desc()).limit(1).with_for_update()).mappings().first()
    if case is None:
        return None
    connection.execute(_case.update().where(_case.c.id == case["id"]).values(conversation=key))
    here, there = key.partition(":")[0], case["conversation"].partition(":")[0]
    cases.write_log(connection, now, "chat_changed", case_id=case["id"], conversation=key, detail=f"{there} {here}")
    gone = CaseMoved(case="none", channel=here)
    inbox.put(connection, [inbox.from_inside(case["conversation"], gone, f"gone:{case['id']}:{said.message_id}")], now)
    return CaseMoved(case="taken" if case["holder_id"] else "waiting", channel=there)


def is_stale(connection: sa.Connection, event: Event, key: str) -> bool:
    """A case that went away and is back: that it went is no longer true."""
    return isinstance(event, CaseMoved) and event.case == "none" and cases.open_of(connection, key) is not None


def share(connection: sa.Connection, before: Conversation, after: Conversation, pen: Pen) -> None:
    """What this turn learned of the resident, to their other chats."""
    place = after.place if after.place != before.place else None
    consent = after.consent if after.consent != before.consent else None
    # that one was asked is not shared: it would take another's yes away
    notices = after.notices if after.notices != before.notices and after.notices != "asked" else ""
    if not after.joined or not (place or consent or notices):
        return
    for key in chats(connection, pen.conversation)[1:]:
        _tell(connection, key, Learned(place=place, consent=consent, notices=notices), pen)


def erase(connection: sa.Connection, pen: Pen) -> None:
    """This chat's resident is erased: their other chats erase themselves, and none is joined to any."""
    together = chats(connection, pen.conversation)
    connection.execute(_joined.delete().where(_joined.c.conversation.in_(together)))
    codes = sa.or_(_code.c.conversation.in_(together), _code.c.claimed_by.in_(together))
    connection.execute(_code.delete().where(codes))
    for key in together[1:]:
        _tell(connection, key, ErasedElsewhere(), pen)


def _tell(connection: sa.Connection, key: str, event: Event, pen: Pen) -> None:
    inbox.put(connection, [inbox.from_inside(key, event, f"join:{pen.inbox_id}:{type(event).__name__}:{key}")], pen.now)
