"""The nouns of a conversation, and the closed unions Event (what happened) and Effect (what to do about it).

Never holds behaviour: transitions are in engine.py and handoff.py. All times are aware and UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Owner = Literal["bot", "team"]
#: "note" is a round video, "animation" a moving picture without sound
MediaKind = Literal["photo", "voice", "audio", "video", "note", "animation", "file", "sticker"]
PlaceHow = Literal["typed", "pin", "button"]
CaseState = Literal["none", "waiting", "taken"]
#: whether a resident wants notices: not asked yet, asked, or what they said
Notices = Literal["", "asked", "yes", "no"]
Outcome = Literal["solved", "visit", "passed_on", "no_answer", "resident_left", "handed_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A picture, voice or file. `ref` is the provider's file id before the media store has it, `media:<id>` after."""

    kind: MediaKind
    ref: str
    name: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A pin, in degrees. It is resolved to a commune within the turn and never stored."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A phone number that a channel hands over. `own` is False for somebody else's card: do not trust that one."""

    phone: str
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One thing a resident can pick. `id` is what the engine acts on ("done", "flow:vneid", "option:2")."""

    id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """The choices of the newest question. Channels send them back as "<number>.<place in choices, from 1>"."""

    number: int
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a resident lives: today's 5-digit commune code and the hamlet as they call it ("" when unknown)."""

    commune: str
    hamlet: str = ""
    how: PlaceHow = "typed"
    certain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where in a flow a resident stands. The flow's version is pinned: an edit never moves them by surprise."""

    flow: str
    version: str
    step: str
    #: steps they waited at before this one, oldest first: what "quay lại" goes back along
    trail: tuple[str, ...] = ()
    #: how far the dialogue inside the step is ("" at its start), such as "confirm" while a place is confirmed
    stage: str = ""
    #: what that dialogue must keep between two turns, such as the codes of the communes on offer
    draft: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """All that is kept between two turns of one chat. Stored as JSON by record.py."""

    channel: str
    chat: str
    held_by: Owner = "bot"
    #: raised at each change of owner: a reply composed under an older epoch is not sent
    epoch: int = 0
    position: Position | None = None
    #: paused positions, innermost last
    stack: tuple[Position, ...] = ()
    menu: Menu | None = None
    #: menus shown so far; the newest has this number
    menus: int = 0
    #: the menu acted on last, and when: a second press of the same button a moment later is no new wish
    answered: int = 0
    answered_at: datetime | None = None
    #: when to come back if nothing is heard; None: never
    wake_at: datetime | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    #: messages in a row that were not understood
    misses: int = 0
    #: the newest question in the resident's own words, masked, and the topic it was taken for
    asked: tuple[str, ...] = ()
    #: stuck signs met at this step, so that the same advice is not given twice
    tried: tuple[str, ...] = ()
    place: Place | None = None
    consent: datetime | None = None
    case: CaseState = "none"
    #: when a waiting resident was last told that their words are kept
    acked_at: datetime | None = None
    #: when the team last ended a case of theirs: for some days "not done yet" opens it again
    closed_at: datetime | None = None
    #: the channels of this resident's other chats, joined to this one by their wish
    joined: tuple[str, ...] = ()
    notices: Notices = ""
    #: whether all that is said to them is read aloud too
    aloud: bool = False
    #: the surveys that they have been through
    surveys: tuple[str, ...] = ()
    #: the kind warning about secrets is given once
    warned: bool = False
    greeted: bool = False


# --- what happened ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One message of a person, as a channel parsed it; `text` is already masked by knowledge.secrets.

    `choice` is the native payload of a pressed button. `sender` differs from `chat` in groups, `thread` is a forum
    topic there. `reply_to` is the provider's id of the message answered. `secrets` are the kinds that were masked.
    """

    channel: str
    chat: str
    message_id: str
    sent_at: datetime
    text: str = ""
    choice: str | None = None
    point: Point | None = None
    attachments: tuple[Attachment, ...] = ()
    contact: Contact | None = None
    sender: str = ""
    sender_name: str = ""
    reply_to: str | None = None
    #: how our own message began that was answered; "" when it was nobody's or a person's
    reply_text: str = ""
    edited: bool = False
    group: bool = False
    thread: str = ""
    #: the album that this picture is a piece of; its pieces become one message before anybody hears of them
    album: str = ""
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The channel says whether this resident can be written to at all (they blocked or unblocked the bot)."""

    channel: str
    chat: str
    reachable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """A person answered this resident from the provider's own screen: the bot is to be silent there from now on.

    `admin` is the provider's id of that person; `text` and `message_id` are what they wrote. "" where it tells nothing.
    """

    channel: str
    chat: str
    admin: str = ""
    text: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """This resident took back their consent at the provider: all that is kept of them must be erased."""

    channel: str
    chat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitExpired:
    """Nothing was heard until `due_at`. Stale when the conversation's wake_at is another."""

    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTaken:
    case: int
    #: how the resident knows them: "chị Lan, Tổ công nghệ số ấp 3"
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWaits:
    """Nobody is free: the case stays in its queue. `promised_at` is when an answer can be expected.

    `late`: an answer was due by now, so this is a new promise.
    """

    case: int
    promised_at: datetime
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """What a waiting resident asked: they are the `place`-th, from 1, of those who wait near them."""

    case: int
    place: int
    promised_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSaid:
    case: int
    member: str
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed:
    case: int
    outcome: Outcome
    visit_on: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePassed:
    """Whoever held the case gave it on; nobody holds it until the next one takes it."""

    case: int
    #: who comes next, as a resident is told: "anh Tâm, Tổ công nghệ số ấp 3", "người khác của tổ"
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShown:
    """A member lets the resident read a step again. The team keeps the talk."""

    case: int
    flow: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedBack:
    """The team gives the talk back to the bot, which goes on at this step. The case is closed."""

    case: int
    flow: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinCode:
    """The one-time code that this resident asked for: typed in another chat of theirs, it joins the two."""

    code: str
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRead:
    """What the code is that was typed here. "found": of a chat on `channel`, and kept for this one.

    "own": it was given in this very chat; "same": the two are joined already; "wrong": no such code, expired, used or
    another's; "too_many": nothing is looked up for a while.
    """

    found: Literal["found", "own", "same", "wrong", "too_many"]
    channel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatsJoined:
    """With which others, by channel, this chat is joined from now on; () none. The rest is what they know already."""

    others: tuple[str, ...]
    place: Place | None = None
    consent: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What the resident has said of themselves in another chat of theirs. None: nothing new."""

    place: Place | None = None
    consent: datetime | None = None
    notices: Notices = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMoved:
    """The resident's open case goes on in this chat, where they wrote last; "none": in their chat on `channel`.

    Otherwise `channel` is where it was until now.
    """

    case: CaseState
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedElsewhere:
    """The resident had everything erased in another chat of theirs; that holds for this one too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDue:
    """It is this resident's turn to read a notice. `patient`: when they are in the middle of a flow, it can wait."""

    notice: int
    text: str
    patient: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseOpened:
    """The person of this chat is a member, and wants to learn."""

    flow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed:
    """An event raised three times: the conversation goes to a person. `message` is what the resident had written."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferExpired:
    """This offer is over before its time: whom it was put to cannot be reached. Stale once it was answered."""

    offer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferDeclined:
    case: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderAgain:
    """Somebody is free: a case that waits is put to the members once more, from the first rung."""

    case: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDue:
    """The next moment of a case has come. What is not due by then does not happen: a stale timer does nothing."""

    case: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStarts:
    """The hours in which members are asked begin: they and their leads read what waits near them."""


#: what a channel can tell
Happened = Inbound | Reached | TakenOver | Withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldWords:
    """A member's words that could be taken back until now. `asked_by` is the inbox row that they came with."""

    case: int
    member: int
    message_id: str
    asked_by: int
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """A member's words that did not surely reach the resident, and will not go again by themselves."""

    #: "window": only the resident can open the talk again; "unknown": it may have arrived, nobody can tell
    why: Literal["blocked", "refused", "window", "unknown"]


MemberEvent = HeldWords | Undelivered
CaseEvent = CaseDue | OfferExpired | OfferDeclined | LadderAgain | DayStarts
Event = (
    Inbound
    | WaitExpired
    | CaseTaken
    | CaseWaits
    | QueuePlace
    | CasePassed
    | MemberSaid
    | CaseClosed
    | StepShown
    | HandedBack
    | TakenOver
    | Withdrawn
    | JoinCode
    | CodeRead
    | ChatsJoined
    | Learned
    | CaseMoved
    | ErasedElsewhere
    | NoticeDue
    | CourseOpened
    | Crashed
)


# --- what to do about it ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Words to the resident. `choices` are numbered on channels without buttons.

    `notice` says where things stand (taken, waiting, closed): it stays true when the conversation changes hands, so
    a raised epoch does not void it. `ask` lets a channel offer its own way to send a position or phone number.
    `picture` names one of the library's, and `picture_says` what it shows, for who cannot see it. `aloud` is what a
    resident who wished so hears of it, as it is spoken; "": it is not read to them.
    """

    text: str
    choices: tuple[Choice, ...] = ()
    menu: int = 0
    attachments: tuple[Attachment, ...] = ()
    author: Literal["bot", "member"] = "bot"
    notice: bool = False
    ask: Literal["", "location", "phone"] = ""
    picture: str = ""
    picture_says: str = ""
    aloud: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    """Hand over to the nearest member. `problem` is the resident's own words; the rest becomes the summary."""

    topic: str
    flow: str
    step: str
    problem: str
    answers: Mapping[str, str]
    tried: tuple[str, ...]
    place: Place | None
    #: not a new wish: what was closed a moment ago is not done yet
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """A resident's words to whoever holds the case, or to its queue. `reply_to` is the message of ours they answer."""

    text: str
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAsked:
    """A waiting resident wants to know when it is their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveCase:
    """The resident went back to the bot, or stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Something about the resident worth a line of its own: their place, consent, feedback, wish for notices."""

    what: Literal["place", "consent", "feedback", "notices"]
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A fact for the log, from which reports are made. Never a resident's words."""

    what: str
    flow: str = ""
    step: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Words not understood, or whose answer was not meant ("repicked"): kept, masked, for authors to learn from."""

    why: Literal["missed", "repicked"]
    text: str
    #: what the search took them for
    topic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """One answer of a survey; "" when the question was skipped. `question` is its step."""

    survey: str
    version: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quizzed:
    """A member's answer to a question of a course."""

    course: str
    version: str
    question: str
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeMet:
    """What became of a notice that was due. "busy": it has to come again; "refused": they do not want any."""

    notice: int
    how: Literal["said", "busy", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinAsked:
    """The resident wants a code with which to join this chat to another of theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTyped:
    """What may be such a code, of another chat."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinAnswered:
    """Whether the chat whose code was typed here is to be joined to this one."""

    agreed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjoined:
    """This chat is to stand alone again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Erase what is kept of this resident: their words, place, answers."""


Effect = (
    Reply
    | OpenCase
    | Relay
    | QueueAsked
    | LeaveCase
    | Remember
    | Note
    | Missed
    | Surveyed
    | Quizzed
    | NoticeMet
    | JoinAsked
    | CodeTyped
    | JoinAnswered
    | Unjoined
    | Forget
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The outcome of one event: the next state, and the effects in the order in which they were decided."""

    conversation: Conversation
    effects: tuple[Effect, ...]
