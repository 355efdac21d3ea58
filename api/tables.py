"""The tables, declared once for SQLite and PostgreSQL. Migrations must agree with them (tests/api/test_migrations.py).

Five tables carry the way of a message: inbox, conversation, outbox, timer, log. The others are the directory (team,
hamlet, hamlet_alias, member, leave), the desk and the content (case, offer, media, sign_in, miss, flow_version), and
what many are asked, told or taught (survey_answer, notice, notice_to, reader, certificate).
Nothing here reads or writes.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import JSON, TypeDecorator
from sqlmodel import Field, SQLModel

from knowledge.hamlets import hamlet_key

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time as whole microseconds since 1970: the same, exact and quick, on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return _written(value)

    # straight: what SQLAlchemy puts around the one above, and the like for results, costs as much again
    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:  # noqa: ARG002
        return _written

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[int | None], datetime | None]:  # noqa: ARG002
        return _read


def _written(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def _read(microseconds: int | None) -> datetime | None:
    # exact until the year 2242: so far a double is less than half a microsecond off, and it is rounded to a whole one
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1_000_000, UTC)


#: 64 bits on PostgreSQL; plain INTEGER on SQLite, where only that one counts up by itself
Id = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Table(SQLModel):
    metadata = metadata
    if TYPE_CHECKING:
        __table__: ClassVar[sa.Table]


def _id() -> Any:
    return Field(default=None, sa_column=Column(Id, primary_key=True, autoincrement=True))


def _moment(*, nullable: bool = False, index: bool = False) -> Any:
    return Field(default=None, sa_column=Column(Moment, nullable=nullable, index=index))


def _json() -> Any:
    return Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


def _long(*, nullable: bool = False) -> Any:
    return Field(default="", sa_column=Column(Text, nullable=nullable))


def _hamlet_key() -> Any:
    """Computed from the row's `hamlet` when it is written; who changes that one later changes this too."""

    def of_row(context: Any) -> str:
        return hamlet_key(context.get_current_parameters().get("hamlet") or "")

    return Field(default=None, sa_column=Column(String, nullable=False, default=of_row))


class Inbox(Table, table=True):
    """Everything that changes a conversation, in the order in which it came: messages, timers, members' acts."""

    __table_args__ = (
        UniqueConstraint("channel", "chat", "provider_id"),
        Index("ix_inbox_open", "conversation", "id", sqlite_where=text("done_at IS NULL"),
              postgresql_where=text("done_at IS NULL")),
        Index("ix_inbox_next", "id", sqlite_where=text("done_at IS NULL AND id > 0"),
              postgresql_where=text("done_at IS NULL AND id > 0")),
    )  # fmt: skip
    id: int | None = _id()
    channel: str
    chat: str
    #: the provider's id, or our own for what comes from inside; unique with channel and chat
    provider_id: str
    #: the conversation that it changes: "telegram:123", or "desk:telegram:-100777/t5" in the team's group
    conversation: str
    body: dict[str, Any] = _json()
    received_at: datetime = _moment()
    done_at: datetime | None = _moment(nullable=True)
    attempts: int = 0
    #: not before this: an event that has to wait for another, or has raised
    next_at: datetime = _moment()
    error: str = _long()


class ConversationRow(Table, table=True):
    __tablename__ = "conversation"
    key: str = Field(primary_key=True)
    channel: str
    chat: str
    #: bot.record's JSON of bot.model.Conversation, and the version of that form
    state: dict[str, Any] = _json()
    state_version: int = 1
    epoch: int = 0
    #: False after the provider said that this chat cannot be written to
    reachable: bool = True
    name: str = ""
    #: when the resident last did something that a channel's window counts from
    heard_at: datetime | None = _moment(nullable=True)
    updated_at: datetime = _moment()


class Outbox(Table, table=True):
    """Words on their way out. Open while status is queued or sending; `lane` is what is kept in order."""

    __table_args__ = (
        UniqueConstraint("inbox_id", "place"),
        Index("ix_outbox_open", "lane", "id", sqlite_where=text("status < 2"), postgresql_where=text("status < 2")),
        Index("ix_outbox_next", "channel", "id", sqlite_where=text("status = 0"),
              postgresql_where=text("status = 0")),
        Index("ix_outbox_unknown", "channel", "chat", "id", sqlite_where=text("error = 'unknown fate'"),
              postgresql_where=text("error = 'unknown fate'")),
        Index("ix_outbox_sending", "owner", sqlite_where=text("status = 1"), postgresql_where=text("status = 1")),
        Index("ix_outbox_due", "next_at", sqlite_where=text("status = 0 AND next_at > 0"),
              postgresql_where=text("status = 0 AND next_at > 0")),
        Index("ix_outbox_chat", "channel", "chat", "id"),
        # ids grow: new ones meet in one place of the index, instead of each chat's own
        Index("ix_outbox_remote", "remote_id", "channel", "chat"),
        # what members were shown of a talk: the rest of it lies in ix_outbox_chat
        Index("ix_outbox_copies", "conversation", sqlite_where=text("conversation <> channel || ':' || chat"),
              postgresql_where=text("conversation <> channel || ':' || chat")),
    )  # fmt: skip
    id: int | None = _id()
    channel: str
    chat: str
    lane: str
    #: the event whose effect this is, and the place among its effects
    inbox_id: int = Field(sa_column=Column(Id, nullable=False))
    place: int
    conversation: str
    #: None: true under any owner. A number: void once the conversation's epoch is higher
    epoch: int | None = None
    case_id: int | None = Field(default=None, sa_column=Column(Id, nullable=True))
    body: dict[str, Any] = _json()
    #: see outbox.Status
    status: int = 0
    attempts: int = 0
    next_at: datetime = _moment()
    #: who began the newest try: see store.owner
    owner: str = ""
    #: when the newest try began; of a message of unknown fate, the first that may have arrived: it has a higher id than
    #: any that was known then
    marked_at: datetime | None = _moment(nullable=True)
    remote_id: str = ""
    #: what the provider counted it against ("paid": money), "" where it does not say
    quota: str = ""
    error: str = _long()
    created_at: datetime = _moment()
    sent_at: datetime | None = _moment(nullable=True)


class Pause(Table, table=True):
    """Where a provider told us to wait, and until when: for every process, and after a restart."""

    #: "telegram" (the whole channel) or "telegram:123" (one chat)
    place: str = Field(primary_key=True)
    until: datetime = _moment()


class Timer(Table, table=True):
    """What happens when nothing does. Setting one again replaces it."""

    key: str = Field(primary_key=True)
    conversation: str
    due_at: datetime = _moment(index=True)
    body: dict[str, Any] = _json()


class Log(Table, table=True):
    """Every effect and act of a member, for good: reports read only this and the directory. Never anyone's words."""

    __table_args__ = (Index("ix_log_case_id", "case_id"), Index("ix_log_kind_at", "kind", "at"))
    id: int | None = _id()
    at: datetime = _moment()
    kind: str
    conversation: str = ""
    case_id: int | None = Field(default=None, sa_column=Column(Id, nullable=True))
    member_id: int | None = None
    flow: str = ""
    step: str = ""
    detail: str = _long()


class Team(Table, table=True):
    __table_args__ = (UniqueConstraint("province", "commune", "hamlet", "name"),)
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(index=True)
    #: hamlet, commune, youth, school, desk or group; "" when nobody said
    kind: str = ""
    #: hamlet, commune, desk, province or group: the rung of the ladder on which it stands; a group stands on none
    rung: str
    province: str
    #: "" for a province desk
    commune: str = Field(default="", index=True)
    #: "" above hamlet level
    hamlet: str = ""
    hamlet_key: str = _hamlet_key()


class Hamlet(Table, table=True):
    """A hamlet under its name of today. Communes write them in and rename them: there is no public list."""

    __table_args__ = (UniqueConstraint("commune", "key"),)
    id: int | None = Field(default=None, primary_key=True)
    commune: str
    name: str
    #: knowledge.hamlets.hamlet_key of the name
    key: str


class HamletAlias(Table, table=True):
    """A name that a hamlet had before. Several hamlets of one commune may have had the same."""

    __tablename__ = "hamlet_alias"
    commune: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    hamlet_id: int = Field(foreign_key="hamlet.id", primary_key=True)
    name: str


class Member(Table, table=True):
    __table_args__ = (
        Index("ix_member_commune", "commune", sqlite_where=text("on_duty"), postgresql_where=text("on_duty")),
        Index("ix_member_pos", "lat", "lon", sqlite_where=text("on_duty"), postgresql_where=text("on_duty")),
        Index("ix_member_lease", "on_duty_until", sqlite_where=text("on_duty_until IS NOT NULL"),
              postgresql_where=text("on_duty_until IS NOT NULL")),
    )  # fmt: skip
    id: int | None = Field(default=None, primary_key=True)
    name: str
    #: how a resident calls them: "chị Lan", "anh Tâm"
    called: str
    #: what they may see: member, or lead
    role: str = "member"
    #: whom they stand for, see directory.POSTS; "" unknown
    post: str = ""
    phone: str = ""
    team_id: int = Field(foreign_key="team.id", index=True)
    #: copies of the team's place: the nearest-member query joins nothing
    rung: str
    hamlet: str = ""
    hamlet_key: str = _hamlet_key()
    commune: str = ""
    province: str = ""
    lat: float = 0.0
    lon: float = 0.0
    #: their private Telegram chat with the bot; "" until they link it
    telegram_chat: str = Field(default="", index=True)
    #: False: known there, but not to be written to (seen in the group only, or has blocked the bot)
    telegram_open: bool = True
    #: their chat with the Zalo bot, where they are told of work but do not answer; "" until they link it
    alert_chat: str = ""
    #: one bit a topic, see directory.skill_bit; 0: all of them
    skills: int = 0
    on_duty: bool = True
    #: duty is a lease: it ends here unless renewed; None: until they say so
    on_duty_until: datetime | None = _moment(nullable=True)
    #: in which minutes of the day, Vietnam time, they are asked: from, up to but not including
    duty_from_minute: int = 0
    duty_to_minute: int = 1440
    #: and on which days: 1 for Monday, 2 for Tuesday, 4 ... 64 for Sunday, added up
    duty_days: int = 127
    #: open cases held now, and how many they take at once
    open_cases: int = 0
    capacity: int = 3
    #: households that they look after all year round; directory.HOUSEHOLDS_MOST at most
    households: int = 0
    idle_since: datetime = _moment()


class Leave(Table, table=True):
    """Days, Vietnam time, on which a member is not asked: from the first to the last, both included."""

    member_id: int = Field(foreign_key="member.id", primary_key=True)
    first_day: date = Field(primary_key=True)
    last_day: date
    reason: str = ""
    #: when what they hold goes to others; None: it stays theirs, or has gone
    hand_on_at: datetime | None = _moment(nullable=True)


class Case(Table, table=True):
    """A resident handed to the team. Open until closed_at; waiting until taken_at."""

    __table_args__ = (
        Index("ix_case_one_open", "conversation", unique=True, sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
        Index("ix_case_holders", "conversation", "id"),
        Index("ix_case_waiting", "commune", sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
    )  # fmt: skip
    id: int | None = _id()
    conversation: str
    opened_at: datetime = _moment()
    topic: str
    flow: str = ""
    step: str = ""
    #: the resident's own words, masked
    problem: str = _long()
    answers: dict[str, Any] = _json()
    tried: dict[str, Any] = _json()
    commune: str = ""
    hamlet: str = ""
    province: str = ""
    #: how the ladder stands: bot.handoff.Ladder as JSON
    ladder: dict[str, Any] = _json()
    holder_id: int | None = Field(default=None, foreign_key="member.id", index=True)
    taken_at: datetime | None = _moment(nullable=True)
    answered_at: datetime | None = _moment(nullable=True)
    #: an answer is owed by then, whether or not the resident was told so; None: none is owed
    promised_at: datetime | None = _moment(nullable=True)
    #: the warning before that was given; how many such moments have passed without an answer
    warned: bool = False
    misses: int = 0
    #: in the queue: when the ladder is tried again
    again_at: datetime | None = _moment(nullable=True)
    #: answered and still open: when its holder is reminded, and how often they were
    remind_at: datetime | None = _moment(nullable=True)
    reminders: int = 0
    closed_at: datetime | None = _moment(nullable=True)
    outcome: str = ""
    visit_on: str = ""
    #: the Telegram chat in which its holder took it; "": their own
    served_in: str = ""
    #: its topic in the team's group, once it has one
    topic_thread: str = Field(default="", index=True)


class Offer(Table, table=True):
    """A case put before one member. Open until answered_at."""

    id: int | None = _id()
    case_id: int = Field(sa_column=Column(Id, nullable=False, index=True))
    member_id: int = Field(foreign_key="member.id", index=True)
    rung: str
    reason: str
    offered_at: datetime = _moment()
    expires_at: datetime = _moment()
    answered_at: datetime | None = _moment(nullable=True)
    #: taken, declined, expired, withdrawn
    answer: str = ""


class Addressed(Table, table=True):
    """Which case a member's own message in their messenger was for."""

    chat: str = Field(primary_key=True)
    message_id: str = Field(primary_key=True)
    case_id: int = Field(sa_column=Column(Id, nullable=False, index=True))
    #: the event that brought it, and by which the newest is known
    inbox_id: int = Field(sa_column=Column(Id, nullable=False))


class Media(Table, table=True):
    """A picture or file that somebody sent; its bytes lie outside the database under `path`."""

    id: str = Field(primary_key=True)
    conversation: str = Field(index=True)
    kind: str
    content_type: str
    size_bytes: int
    name: str = ""
    path: str
    stored_at: datetime = _moment(index=True)


class WantedFile(Table, table=True):
    """A file that lies with a provider and has to be fetched before its address expires: gone once it is in media."""

    __tablename__ = "wanted_file"
    #: the media id under which it will be kept
    id: str = Field(primary_key=True)
    conversation: str = Field(index=True)
    channel: str
    ref: str = _long()
    #: what the provider calls it
    kind: str
    name: str = ""
    attempts: int = 0
    #: None: given up
    next_at: datetime | None = _moment(nullable=True, index=True)


class SignIn(Table, table=True):
    """A one-time link to the console, by the hash of its token."""

    __tablename__ = "sign_in"
    token_hash: str = Field(primary_key=True)
    member_id: int = Field(foreign_key="member.id")
    expires_at: datetime = _moment()
    used_at: datetime | None = _moment(nullable=True)


class SurveyAnswer(Table, table=True):
    """What one resident answered to one question of a survey, without a name: see api/surveys.py. "" was skipped."""

    __tablename__ = "survey_answer"
    survey: str = Field(primary_key=True)
    #: stands for their chat; only who has the service's own key can tell for which
    respondent: str = Field(primary_key=True, index=True)
    question: str = Field(primary_key=True)
    version: str
    answer: str = _long()
    #: where they live, as far as they have said it
    commune: str = ""
    province: str = ""
    at: datetime = _moment(index=True)


class Certificate(Table, table=True):
    """How far a member is with a course. Passed once every question was answered right, however late."""

    member_id: int = Field(foreign_key="member.id", primary_key=True)
    course: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    #: by question: whether the first answer was right, and whether a right one has been given
    first: dict[str, Any] = _json()
    solved: dict[str, Any] = _json()
    #: questions answered right at once, and how many there are
    score: int = 0
    questions: int
    begun_at: datetime = _moment()
    passed_at: datetime | None = _moment(nullable=True)


class Reader(Table, table=True):
    """What must be known of a chat to send notices there: where its resident lives, and whether they want any."""

    __table_args__ = (Index("ix_reader_place", "province", "commune"),)
    conversation: str = Field(primary_key=True)
    province: str = ""
    commune: str = ""
    hamlet: str = ""
    hamlet_key: str = _hamlet_key()
    #: "" not asked, asked, yes, no
    wish: str = ""
    wished_at: datetime | None = _moment(nullable=True)


class Notice(Table, table=True):
    """Words of a lead to many residents, sent once a lead above them agrees."""

    id: int | None = _id()
    title: str
    text: str = _long()
    #: whom it is for: "" commune is the whole province, "" hamlet the whole commune
    province: str
    commune: str = ""
    hamlet: str = ""
    #: only those who asked about this; "" everybody
    topic: str = ""
    #: names of channels, with a space between
    channels: str
    send_from: datetime = _moment()
    send_until: datetime = _moment()
    written_by: int = Field(foreign_key="member.id")
    written_at: datetime = _moment()
    #: handed in; given back with a reason; agreed to; stopped
    asked_at: datetime | None = _moment(nullable=True)
    returned_at: datetime | None = _moment(nullable=True)
    reason: str = _long()
    #: who gave it back or agreed to it
    judged_by: int | None = Field(default=None, foreign_key="member.id")
    approved_at: datetime | None = _moment(nullable=True, index=True)
    stopped_at: datetime | None = _moment(nullable=True)
    stopped_by: int | None = Field(default=None, foreign_key="member.id")
    #: nothing of it is left to be sent
    done_at: datetime | None = _moment(nullable=True)


class NoticeTo(Table, table=True):
    """One notice for one chat: a row is sent at most once. Waits until given_at; a busy resident's waits once more."""

    __tablename__ = "notice_to"
    __table_args__ = (
        Index("ix_notice_to_due", "channel", "next_at", sqlite_where=text("fate = 'waiting'"),
              postgresql_where=text("fate = 'waiting'")),
        Index("ix_notice_to_given", "channel", "given_at"),
        Index("ix_notice_to_conversation", "conversation", "given_at"),
        Index("ix_notice_to_open", "notice_id", sqlite_where=text("fate IN ('waiting', 'given')"),
              postgresql_where=text("fate IN ('waiting', 'given')")),
    )  # fmt: skip
    notice_id: int = Field(sa_column=Column(Id, ForeignKey("notice.id"), primary_key=True, autoincrement=False))
    conversation: str = Field(primary_key=True)
    channel: str
    #: waiting, given (its event is on the way), said, or why not: see api/notices.py
    fate: str = "waiting"
    next_at: datetime = _moment()
    given_at: datetime | None = _moment(nullable=True)
    tries: int = 0
    #: the event in which it was said: its message is found by that
    inbox_id: int | None = Field(default=None, sa_column=Column(Id, nullable=True))


class Miss(Table, table=True):
    """What a resident wrote that was not understood, or whose answer was not what they meant. Masked; for authors."""

    id: int | None = _id()
    at: datetime = _moment(index=True)
    #: "missed" or "repicked"
    why: str
    text: str = _long()
    #: what the search took it for, and what an author says it is ("" until then)
    topic: str = ""
    given_topic: str = ""
    handled_at: datetime | None = _moment(nullable=True)
    conversation: str = Field(default="", index=True)
    #: where they live, as far as it was known then
    commune: str = ""
    province: str = ""


class TeamNote(Table, table=True):
    """What the team writes down about a case for itself. No resident ever reads it; erased with their words."""

    __tablename__ = "note"
    id: int | None = _id()
    case_id: int = Field(sa_column=Column(Id, nullable=False, index=True))
    member_id: int = Field(foreign_key="member.id")
    text: str = _long()
    written_at: datetime = _moment()


class CannedReply(Table, table=True):
    """Words kept ready for residents, with the placeholders {ten}, {xa}, {to}."""

    __tablename__ = "canned_reply"
    id: int | None = Field(default=None, primary_key=True)
    #: whose own it is; None: everybody's
    owner_id: int | None = Field(default=None, foreign_key="member.id", index=True)
    #: "" fits every topic
    topic: str = ""
    title: str
    text: str = _long()


class Colleague(Table, table=True):
    """A member who was asked to look at another's case: reads it and writes notes, never to the resident."""

    case_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    member_id: int = Field(foreign_key="member.id", primary_key=True)
    asked_by: int = Field(foreign_key="member.id")
    asked_at: datetime = _moment()


class Visit(Table, table=True):
    """A promise to come to a resident's door. Open until done_at."""

    __table_args__ = (
        Index("ix_visit_open", "commune", "day", sqlite_where=text("done_at IS NULL"),
              postgresql_where=text("done_at IS NULL")),
    )  # fmt: skip
    id: int | None = _id()
    case_id: int = Field(sa_column=Column(Id, nullable=False, index=True))
    #: "2026-11-24"
    day: str
    province: str = ""
    commune: str = ""
    hamlet: str = ""
    #: house and lane as the member wrote it; erased with the resident's words
    place: str = ""
    asked_by: int | None = Field(default=None, foreign_key="member.id")
    asked_at: datetime = _moment()
    done_at: datetime | None = _moment(nullable=True)
    done_by: int | None = Field(default=None, foreign_key="member.id")
    #: done or missed; "" while open
    result: str = ""


class PushSubscription(Table, table=True):
    """A browser of a member that wants to be woken. The two marks say up to where it has been told."""

    __tablename__ = "push_subscription"
    id: int | None = Field(default=None, primary_key=True)
    member_id: int = Field(foreign_key="member.id", index=True)
    endpoint: str = Field(unique=True)
    p256dh: str
    auth: str
    offer_mark: int = Field(sa_column=Column(Id, nullable=False))
    inbox_mark: int = Field(sa_column=Column(Id, nullable=False))
    failures: int = 0
    next_at: datetime = _moment()


class ZaloKey(Table, table=True):
    """The pair of keys to one Official Account. Its refresh token works once: see api/zalo_keys.py."""

    __tablename__ = "zalo_key"
    oa: str = Field(primary_key=True)
    access: str = ""
    refresh: str = ""
    #: the one before, for the record
    previous: str = ""
    #: hash of the refresh token in the settings that this row began with: another one there replaces the pair
    seed: str = ""
    refreshed_at: datetime | None = _moment(nullable=True)
    expires_at: datetime | None = _moment(nullable=True)
    #: Zalo was asked for a new pair and the answer is not written down yet
    asked_at: datetime | None = _moment(nullable=True)
    #: what a person must mend; "" while all is well
    trouble: str = ""
    #: the form of buttons that this OA refused
    refused_buttons: str = ""


class HeldWebhook(Table, table=True):
    """A request whose signature fits no key we have. Encrypted; looked at again when the settings change."""

    __tablename__ = "held_webhook"
    id: int | None = _id()
    channel: str
    received_at: datetime = _moment(index=True)
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class ChannelLogRow(Table, table=True):
    """What a provider sent, or answered to what was sent: see api/channel_log.py. Never anyone's words."""

    __tablename__ = "channel_log"
    __table_args__ = (Index("ix_channel_log_channel", "channel", "id"),)
    id: int | None = _id()
    at: datetime = _moment(index=True)
    channel: str
    #: came or went
    way: str
    kind: str
    #: the provider's id of what came
    ref: str = ""
    size_bytes: int = 0
    #: how it was proved to be the provider's; "" not at all
    verified: str = ""
    #: HTTP's; 0 when no answer came, or for what came
    status: int = 0
    #: the provider's own error code
    code: str = ""
    note: str = _long()
    took_ms: int = 0


class Joined(Table, table=True):
    """A chat that shares its resident with others, by that resident's own wish. One row a chat, two at least."""

    conversation: str = Field(primary_key=True)
    #: the same in every chat of this resident: the key of the one that was joined to first
    resident: str = Field(index=True)
    joined_at: datetime = _moment()


class JoinCode(Table, table=True):
    """A one-time code that joins the chat which asked for it to the one in which it is typed. Gone once used."""

    __tablename__ = "join_code"
    conversation: str = Field(primary_key=True)
    code: str = Field(unique=True)
    expires_at: datetime = _moment()
    #: the chat in which it was typed first: nobody else's from then on
    claimed_by: str = ""


class FlowVersion(Table, table=True):
    """The text of every version of a flow that a resident may still stand on."""

    __tablename__ = "flow_version"
    flow: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    text: str = _long()
    stored_at: datetime = _moment()
